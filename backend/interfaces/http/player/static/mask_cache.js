// Masks of frames as run lengths, and their pictures for the canvas.

import { boxOf, forEachRun } from "./rle.js";

/** @typedef {import("./types.js").MaskEntry} MaskEntry */
/** @typedef {import("./state.js").ObjectState} ObjectState */

export const BLOCK = 60;
const MOST_FRAMES = 3000;
const PAINTED = 24;
const FILL_ALPHA = 110;
const EDGE_ALPHA = 235;

export class MaskCache {
  /**
   * @param {(start: number, stop: number) => Promise<{masks: MaskEntry[]}>} fetchMasks
   * @param {(frames: number[]) => void} onMasks
   * @param {(error: Error) => void} onError
   */
  constructor(fetchMasks, onMasks, onError) {
    this.fetchMasks = fetchMasks;
    this.onMasks = onMasks;
    this.onError = onError;
    this.count = 0;
    this.center = 0;
    /** @type {Map<number, Map<string, MaskEntry>>} */
    this.frames = new Map();
    /** @type {Map<number, "loading" | "here">} */
    this.blocks = new Map();
    /** @type {Map<number, {key: string, canvas: OffscreenCanvas}>} */
    this.painted = new Map();
    this.version = new Map();
  }

  /** @param {number} frame @returns {MaskEntry[]} */
  at(frame) {
    return [...(this.frames.get(frame)?.values() ?? [])];
  }

  /** @param {number} frame @param {string} object @returns {MaskEntry | undefined} */
  mask(frame, object) {
    return this.frames.get(frame)?.get(object);
  }

  /** @param {number} frame @param {number} step */
  moveTo(frame, step = 1) {
    this.center = frame;
    const block = Math.floor(frame / BLOCK);
    void this.#load(block);
    void this.#load(block + step);
  }

  /** Forgets what the server is asked for, so that it is asked again. */
  invalidate() {
    this.blocks.clear();
    this.moveTo(this.center);
  }

  /** @param {string | null} object  null: all */
  drop(object) {
    for (const [frame, masks] of this.frames) {
      if (object === null) masks.clear();
      else masks.delete(object);
      this.#touch(frame);
    }
    this.onMasks([...this.frames.keys()]);
  }

  /** @param {MaskEntry[]} masks */
  put(masks) {
    const touched = new Set();
    for (const mask of masks) {
      let here = this.frames.get(mask.frame);
      if (!here) this.frames.set(mask.frame, (here = new Map()));
      here.set(mask.object, mask);
      touched.add(mask.frame);
    }
    for (const frame of touched) this.#touch(frame);
    if (touched.size) this.onMasks([...touched]);
  }

  /**
   * Replaces an object's mask of one frame; without one it goes.
   * @param {number} frame
   * @param {string} object
   * @param {MaskEntry[]} masks
   */
  replace(frame, object, masks) {
    this.frames.get(frame)?.delete(object);
    this.#touch(frame);
    this.put(masks);
    this.onMasks([frame]);
  }

  /**
   * The picture of a frame's masks, at the masks' own size; null without any.
   * @param {number} frame
   * @param {ObjectState[]} objects
   * @returns {OffscreenCanvas | null}
   */
  picture(frame, objects) {
    const masks = this.frames.get(frame);
    const shown = objects.filter((each) => each.visible && masks?.get(each.id)?.rle);
    if (!masks || !shown.length) return null;
    const key = `${this.version.get(frame)} ${shown.map((each) => each.id + each.color).join()}`;
    const known = this.painted.get(frame);
    if (known?.key === key) return known.canvas;
    const canvas = paint(shown.map((each) => ({ rle: masks.get(each.id).rle, color: each.color })));
    this.painted.delete(frame);
    this.painted.set(frame, { key, canvas });
    while (this.painted.size > PAINTED) this.painted.delete(this.painted.keys().next().value);
    return canvas;
  }

  /** @param {number} frame */
  #touch(frame) {
    this.version.set(frame, (this.version.get(frame) ?? 0) + 1);
  }

  /** @param {number} block */
  async #load(block) {
    const start = block * BLOCK;
    if (start < 0 || start >= this.count || this.blocks.has(block)) return;
    this.blocks.set(block, "loading");
    try {
      const { masks } = await this.fetchMasks(start, Math.min(start + BLOCK, this.count));
      this.blocks.set(block, "here");
      for (let frame = start; frame < start + BLOCK; frame += 1) {
        if (this.frames.delete(frame)) this.#touch(frame);
      }
      this.put(masks);
      this.#dropFarthest();
    } catch (error) {
      this.blocks.delete(block);
      this.onError(/** @type {Error} */ (error));
    }
  }

  #dropFarthest() {
    if (this.frames.size <= MOST_FRAMES) return;
    const far = [...this.frames.keys()].sort((a, b) => Math.abs(b - this.center) - Math.abs(a - this.center));
    for (const frame of far.slice(0, this.frames.size - MOST_FRAMES)) {
      this.frames.delete(frame);
      this.version.delete(frame);
      this.blocks.delete(Math.floor(frame / BLOCK));
    }
  }
}

/**
 * Masks in their colours with an edge; later ones lie above.
 * @param {{rle: import("./rle.js").Rle, color: string}[]} masks  all of one size
 * @returns {OffscreenCanvas}
 */
export function paint(masks) {
  const [height, width] = masks[0].rle.size;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (const { rle, color } of masks) {
    const fill = rgba(color, FILL_ALPHA);
    const edge = rgba(color, EDGE_ALPHA);
    let [lastColumn, lastTop, lastBottom] = [-2, 0, 0];
    forEachRun(rle, (column, top, length) => {
      const bottom = top + length - 1;
      let at = top * width + column;
      for (let row = top; row <= bottom; row += 1, at += width) {
        const inside = row > top && row < bottom && column === lastColumn + 1 && row >= lastTop && row <= lastBottom;
        pixels[at] = inside ? fill : edge;
      }
      [lastColumn, lastTop, lastBottom] = [column, top, bottom];
    });
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}

/** @param {string} color  #rrggbb @param {number} alpha  0..255 @returns {number} for a little-endian Uint32Array */
function rgba(color, alpha) {
  const value = Number.parseInt(color.slice(1), 16);
  return ((alpha << 24) | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

/** @param {MaskEntry} mask */
export function boxOfMask(mask) {
  return mask.rle ? boxOf(mask.rle) : null;
}
