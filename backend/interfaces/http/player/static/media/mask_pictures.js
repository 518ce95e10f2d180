// Pictures of frames' masks for the canvas, painted by a worker ahead of the play head and kept in a window around it.

import { bytesOf, farthest } from "./frame_cache.js";

/** @typedef {import("../state/state.js").ObjectState} ObjectState */
/** @typedef {{key: string, bitmap: ImageBitmap | null}} Painted  null: what cannot be painted */
/** @typedef {{frame: number, key: string}} Order */

export const MOST_BYTES = 48 * 2 ** 20;
const LEAST_KEPT = 4;
const AHEAD = 12;
const BEHIND = 2;
const AT_ONCE = 2;

export class MaskPictures {
  /**
   * @param {import("./shown_masks.js").MaskReader} masks
   * @param {() => ObjectState[]} listObjects  the objects as they are now, the lowest first
   * @param {(frame: number) => void} onPainted
   * @param {(error: unknown) => void} onError
   */
  constructor(masks, listObjects, onPainted, onError) {
    this.masks = masks;
    this.listObjects = listObjects;
    this.onPainted = onPainted;
    this.onError = onError;
    this.center = 0;
    this.step = 1;
    /** @type {Map<number, Painted>} */
    this.painted = new Map();
    /** @type {Map<number, Order>} by number */
    this.orders = new Map();
    this.ordered = 0;
    this.bytes = 0;
    this.pictureBytes = 1;
    this.worker = new Worker(new URL("./mask_painter.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#keep(data);
    this.worker.onerror = (event) => onError(new Error(`The masks cannot be painted: ${event.message}`));
  }

  /**
   * The frame's picture, of the masks' size. An older one is given until the newest is painted.
   * @param {number} frame
   * @returns {ImageBitmap | null} null: nothing is to be seen, or nothing is painted yet
   */
  picture(frame) {
    return this.#key(frame) ? (this.painted.get(frame)?.bitmap ?? null) : null;
  }

  /** @param {number} frame @returns {boolean} whether the picture shows the masks as they are now */
  isCurrent(frame) {
    const key = this.#key(frame);
    return !this.masks.isLoading(frame) && (key === "" || this.painted.get(frame)?.key === key);
  }

  /** Moves the window. @param {number} frame @param {number} step  1 or -1, the direction of play */
  moveTo(frame, step = 1) {
    this.center = frame;
    this.step = step;
    this.fill();
  }

  /** Forgets all pictures: those of one person's masks are not shown as another's. */
  clear() {
    this.orders.clear();
    for (const frame of this.painted.keys()) this.#drop(frame);
  }

  /** Orders what the window lacks, the most urgent first. */
  fill() {
    for (const frame of this.#window()) {
      if (this.orders.size >= AT_ONCE) return;
      const key = this.#key(frame);
      if (!key || this.painted.get(frame)?.key === key) continue;
      if ([...this.orders.values()].some((order) => order.frame === frame && order.key === key)) continue;
      this.ordered += 1;
      this.orders.set(this.ordered, { frame, key });
      this.worker.postMessage({ id: this.ordered, masks: this.#shown(frame) });
    }
  }

  /** @param {number} frame @returns {import("./mask_paint.js").ColoredMask[]} */
  #shown(frame) {
    return this.listObjects().flatMap(({ id, color, visible }) => {
      const rle = visible ? this.masks.mask(frame, id)?.rle : null;
      return rle ? [{ rle, color }] : [];
    });
  }

  /** What the frame's picture depends on; "": nothing is to be seen. @param {number} frame */
  #key(frame) {
    const objects = this.listObjects().filter(({ id, visible }) => visible && this.masks.mask(frame, id)?.rle);
    return objects.length ? `${this.masks.version(frame)} ${objects.map((each) => each.id + each.color).join()}` : "";
  }

  #window() {
    const frames = [this.center];
    for (let distance = 1; distance <= AHEAD; distance += 1) {
      frames.push(this.center + this.step * distance);
      if (distance <= BEHIND) frames.push(this.center - this.step * distance);
    }
    return frames.slice(0, this.#most());
  }

  /** How many pictures of the newest one's size are kept. */
  #most() {
    return Math.max(Math.floor(MOST_BYTES / this.pictureBytes), LEAST_KEPT);
  }

  /** @param {{id: number, bitmap?: ImageBitmap, problem?: string}} answer */
  #keep({ id, bitmap: painted, problem }) {
    const order = this.orders.get(id);
    const bitmap = painted ?? null;
    this.orders.delete(id);
    if (problem) this.onError(new Error(problem));
    if (order) {
      this.#drop(order.frame);
      this.painted.set(order.frame, { key: order.key, bitmap });
      if (bitmap) this.bytes += this.pictureBytes = bytesOf(bitmap);
      while (this.painted.size > this.#most()) {
        this.#drop(farthest(this.painted.keys(), (frame) => Math.abs(frame - this.center)));
      }
      this.onPainted(order.frame);
    } else bitmap?.close();
    this.fill();
  }

  /** @param {number} frame */
  #drop(frame) {
    const bitmap = this.painted.get(frame)?.bitmap;
    if (bitmap) {
      this.bytes -= bytesOf(bitmap);
      bitmap.close();
    }
    this.painted.delete(frame);
  }
}
