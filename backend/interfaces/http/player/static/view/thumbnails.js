// Thumbnails of the frames around the play head, with their masks. Drawn only while the video stands.

import { paint } from "../media/mask_paint.js";
import { shown } from "../state/shown.js";

const WIDTH_PX = 112;
const MOST = 11;
const KEPT = 120;

/** @typedef {{key: string, bitmap: ImageBitmap}} Thumbnail */

export class Thumbnails {
  /**
   * @param {HTMLElement} strip
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/frame_cache.js").FrameCache} frames
   * @param {import("../media/shown_masks.js").ShownMasks} masks
   */
  constructor(strip, store, frames, masks) {
    this.strip = strip;
    this.store = store;
    this.frames = frames;
    this.masks = masks;
    /** @type {Map<number, Thumbnail>} the newest last */
    this.known = new Map();
    this.isBusy = false;
    this.isStale = false;
    new ResizeObserver(() => this.draw()).observe(strip);
  }

  /** Draws the strip, if it is shown and the video stands. A picture that comes later calls this again. */
  async draw() {
    const { thumbnails, playing, ready } = this.store.state;
    this.strip.hidden = !thumbnails;
    if (!thumbnails || !ready || playing) {
      this.frames.want([]);
      return;
    }
    this.isStale = true;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.isStale) {
        this.isStale = false;
        await this.#fill();
      }
    } finally {
      this.isBusy = false;
    }
  }

  /** The frames of the strip, ascending; the open one is in the middle where the video allows. @returns {number[]} */
  shownFrames() {
    const { frame, video } = this.store.state;
    const fitting = Math.max(Math.floor(this.strip.clientWidth / (WIDTH_PX + 4)), 3);
    const count = Math.min(fitting - (1 - (fitting % 2)), MOST, video.frame_count);
    const first = Math.min(Math.max(frame - Math.floor(count / 2), 0), video.frame_count - count);
    return [...Array(count).keys()].map((each) => first + each);
  }

  async #fill() {
    const shown = this.shownFrames();
    this.frames.want(shown);
    this.masks.want(shown);
    const buttons = this.#buttons(shown.length);
    for (const [position, frame] of shown.entries()) this.#label(buttons[position], frame);
    for (const [position, frame] of shown.entries()) {
      const thumbnail = await this.#thumbnail(frame);
      if (this.isStale || this.store.state.playing) return;
      const canvas = /** @type {HTMLCanvasElement} */ (buttons[position].firstChild);
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.clearRect(0, 0, canvas.width, canvas.height);
      if (thumbnail) context.drawImage(thumbnail, 0, 0);
    }
  }

  /** Of a thumbnail, pixels. */
  #height() {
    const { width, height } = this.store.state.video;
    return Math.round((WIDTH_PX * height) / width);
  }

  /** @param {number} count @returns {HTMLButtonElement[]} */
  #buttons(count) {
    while (this.strip.children.length > count) this.strip.lastChild?.remove();
    while (this.strip.children.length < count) {
      const button = document.createElement("button");
      const canvas = document.createElement("canvas");
      canvas.width = WIDTH_PX;
      canvas.height = this.#height();
      button.append(canvas, document.createElement("span"));
      button.addEventListener("click", () => this.store.act("frame", Number(button.dataset.frame)));
      this.strip.append(button);
    }
    return [.../** @type {HTMLCollectionOf<HTMLButtonElement>} */ (this.strip.children)];
  }

  /** @param {HTMLButtonElement} button @param {number} frame */
  #label(button, frame) {
    button.dataset.frame = String(frame);
    button.setAttribute("aria-label", `Frame ${frame + 1}`);
    button.setAttribute("aria-current", String(frame === this.store.state.frame));
    if (button.lastChild) button.lastChild.textContent = String(frame + 1);
  }

  /** @param {number} frame @returns {Promise<ImageBitmap | null>} null: its picture is not here yet */
  async #thumbnail(frame) {
    const objects = shown(this.store.state).objects.filter((each) => each.visible && this.masks.mask(frame, each.id)?.rle);
    const key = `${this.masks.version(frame)} ${objects.map((each) => each.id + each.color).join()}`;
    // The key names these masks: others may be shown once the picture is decoded.
    const masks = objects.flatMap(({ id, color }) => {
      const rle = this.masks.mask(frame, id)?.rle;
      return rle ? [{ rle, color }] : [];
    });
    const known = this.known.get(frame);
    if (known?.key === key) return known.bitmap;
    const blob = this.frames.blob(frame);
    if (!blob) return null;
    const tall = this.#height();
    const picture = await createImageBitmap(blob, { resizeWidth: WIDTH_PX, resizeHeight: tall });
    const canvas = new OffscreenCanvas(WIDTH_PX, tall);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.drawImage(picture, 0, 0);
    picture.close();
    if (masks.length) context.drawImage(paint(masks), 0, 0, WIDTH_PX, tall);
    const bitmap = canvas.transferToImageBitmap();
    this.#keep(frame, { key, bitmap });
    return bitmap;
  }

  /** @param {number} frame @param {Thumbnail} thumbnail */
  #keep(frame, thumbnail) {
    this.known.get(frame)?.bitmap.close();
    this.known.delete(frame);
    this.known.set(frame, thumbnail);
    for (const oldest of this.known.keys()) {
      if (this.known.size <= KEPT) return;
      this.known.get(oldest)?.bitmap.close();
      this.known.delete(oldest);
    }
  }
}
