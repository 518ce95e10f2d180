// The canvas: picture, masks and prompts. Draws on demand, once a display frame.

import { paint, boxOfMask } from "./mask_cache.js";

/** @typedef {import("./types.js").Prompt} Prompt */
/** @typedef {import("./types.js").Box} Box */

const MARK_PX = 7;
const LONGEST_ZOOM = 16;
const BRUSH_REL = 0.02;

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./state.js").Store} store
   * @param {import("./frame_cache.js").FrameCache} frames
   * @param {import("./mask_cache.js").MaskCache} masks
   */
  constructor(canvas, store, frames, masks) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.store = store;
    this.frames = frames;
    this.masks = masks;
    this.zoom = 1;
    this.panX = 0;
    this.panY = 0;
    this.brush = BRUSH_REL;
    /** @type {any} */
    this.drag = null;
    /** @type {[number, number][]} corners of a polygon under way, relative */
    this.corners = [];
    /** @type {OffscreenCanvas | null} */
    this.hoverPicture = null;
    this.pending = false;
    this.shownFrame = -1;
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  /** Draws at the next display frame. */
  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.#paint();
    });
  }

  /** @param {import("./types.js").MaskEntry | null} mask */
  showHover(mask) {
    this.hoverPicture = mask?.rle ? paint([{ rle: mask.rle, color: "#ffffff" }]) : null;
    this.draw();
  }

  resetZoom() {
    [this.zoom, this.panX, this.panY] = [1, 0, 0];
    this.draw();
  }

  /** @param {number} factor */
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const before = this.place();
    const zoom = Math.min(Math.max(this.zoom * factor, 1), LONGEST_ZOOM);
    const grown = zoom / this.zoom;
    this.zoom = zoom;
    const after = this.place();
    this.panX += x - (x - before.left) * grown - after.left;
    this.panY += y - (y - before.top) * grown - after.top;
    if (zoom === 1) [this.panX, this.panY] = [0, 0];
    this.draw();
  }

  // geometry

  /** Where the picture lies, in CSS pixels of the canvas. */
  place() {
    const { width, height } = this.store.state.video;
    const [outer, tall] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const scale = Math.min(outer / (width || 1), tall / (height || 1)) * this.zoom;
    const [w, h] = [width * scale, height * scale];
    return { left: (outer - w) / 2 + this.panX, top: (tall - h) / 2 + this.panY, width: w, height: h };
  }

  /** @param {{offsetX: number, offsetY: number}} event @returns {[number, number]} relative to the frame, may be outside 0..1 */
  relative(event) {
    const place = this.place();
    return [(event.offsetX - place.left) / place.width, (event.offsetY - place.top) / place.height];
  }

  #resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.#paint();
  }

  // drawing

  #paint() {
    const { state } = this.store;
    const { context } = this;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    const picture = this.frames.bitmap(state.frame);
    const place = this.place();
    if (picture) {
      context.imageSmoothingEnabled = this.zoom < 4;
      context.drawImage(picture, place.left, place.top, place.width, place.height);
      this.shownFrame = state.frame;
    }
    this.canvas.dataset.frame = String(picture ? state.frame : this.shownFrame);
    this.canvas.dataset.complete = String(Boolean(picture));
    if (!picture) return;
    const masks = this.masks.picture(state.frame, state.objects);
    if (masks) context.drawImage(masks, place.left, place.top, place.width, place.height);
    if (this.hoverPicture && !state.playing) {
      context.globalAlpha = 0.6;
      context.drawImage(this.hoverPicture, place.left, place.top, place.width, place.height);
      context.globalAlpha = 1;
    }
    if (state.boxes) this.#paintBoxes(place);
    if (!state.playing) for (const prompt of state.prompts) if (prompt.frame === state.frame) this.#paintPrompt(prompt, place);
    this.#paintDrag(place);
  }

  #paintBoxes(place) {
    const { state } = this.store;
    for (const object of state.objects) {
      const mask = this.masks.mask(state.frame, object.id);
      const box = object.visible && mask ? boxOfMask(mask) : null;
      if (box) this.#strokeBox(box, place, object.color, [6, 4]);
    }
  }

  /** @param {Box} box @param {number[]} dash */
  #strokeBox([x0, y0, x1, y1], place, color, dash = [], width = 2) {
    const { context } = this;
    context.setLineDash(dash);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.strokeRect(
      place.left + x0 * place.width, place.top + y0 * place.height, (x1 - x0) * place.width, (y1 - y0) * place.height,
    );
    context.setLineDash([]);
  }

  /** @param {Prompt} prompt */
  #paintPrompt(prompt, place) {
    const { state } = this.store;
    const object = state.objects.find((each) => each.id === prompt.object);
    if (!object || !object.visible) return;
    const chosen = state.selectedPrompt;
    const isChosen = (/** @type {number} */ point) =>
      chosen !== null && chosen.object === prompt.object && chosen.frame === prompt.frame && chosen.point === point;
    if (prompt.box) this.#strokeBox(prompt.box, place, object.color, [], isChosen(-1) ? 4 : 2);
    prompt.points.forEach(([x, y, positive], index) => {
      const [px, py] = [place.left + x * place.width, place.top + y * place.height];
      const { context } = this;
      context.beginPath();
      context.arc(px, py, MARK_PX, 0, 2 * Math.PI);
      context.fillStyle = positive ? object.color : "#ffffff";
      context.fill();
      context.lineWidth = isChosen(index) ? 4 : 2;
      context.strokeStyle = positive ? "#ffffff" : object.color;
      context.stroke();
      context.beginPath();
      context.moveTo(px - 3, py);
      context.lineTo(px + 3, py);
      if (positive) {
        context.moveTo(px, py - 3);
        context.lineTo(px, py + 3);
      }
      context.lineWidth = 2;
      context.stroke();
    });
  }

  #paintDrag(place) {
    const { context, drag } = this;
    const color = this.#color();
    if (drag?.kind === "box" || drag?.kind === "ellipse") {
      const [x0, y0, x1, y1] = ordered(drag.from, drag.to);
      if (drag.kind === "box") this.#strokeBox([x0, y0, x1, y1], place, color, [4, 3]);
      else {
        context.beginPath();
        const [w, h] = [((x1 - x0) / 2) * place.width, ((y1 - y0) / 2) * place.height];
        context.ellipse(place.left + x0 * place.width + w, place.top + y0 * place.height + h, w, h, 0, 0, 2 * Math.PI);
        context.strokeStyle = color;
        context.lineWidth = 2;
        context.stroke();
      }
    }
    const path = drag?.kind === "brush" ? drag.path : this.corners;
    if (path.length) {
      context.beginPath();
      path.forEach(([x, y]) => context.lineTo(place.left + x * place.width, place.top + y * place.height));
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = drag?.kind === "brush" ? 2 * this.brush * place.width : 2;
      context.strokeStyle = color;
      context.globalAlpha = drag?.kind === "brush" ? 0.5 : 1;
      context.stroke();
      context.globalAlpha = 1;
    }
  }

  #color() {
    const { state } = this.store;
    return state.objects.find((each) => each.id === state.selected)?.color ?? "#ffffff";
  }
}

/** @param {[number, number]} from @param {[number, number]} to @returns {Box} inside the frame */
export function ordered(from, to) {
  const inside = (/** @type {number} */ value) => Math.min(Math.max(value, 0), 1);
  return [
    inside(Math.min(from[0], to[0])), inside(Math.min(from[1], to[1])),
    inside(Math.max(from[0], to[0])), inside(Math.max(from[1], to[1])),
  ];
}
