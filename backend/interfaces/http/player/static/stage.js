// The canvas: picture, masks, prompts, and what the pointer does on them. Draws on demand, once a display frame.

import { paint, boxOfMask } from "./mask_cache.js";
import { encode, decode } from "./rle.js";

/** @typedef {import("./types.js").Prompt} Prompt */
/** @typedef {import("./types.js").PointPrompt} PointPrompt */
/** @typedef {import("./types.js").Box} Box */

const DRAG_PX = 5;
const MARK_PX = 7;
const GRAB_PX = 10;
const LONGEST_ZOOM = 16;
const HOVER_MS = 40;
const BRUSH_REL = 0.02;

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./state.js").Store} store
   * @param {import("./frame_cache.js").FrameCache} frames
   * @param {import("./mask_cache.js").MaskCache} masks
   * @param {{
   *   point: (point: PointPrompt) => void, box: (box: Box) => void, mask: (rle: import("./rle.js").Rle) => void,
   *   move: (at: {object: string, frame: number, point: number}, x: number, y: number) => void,
   *   hover: (point: PointPrompt | null) => void,
   * }} on
   */
  constructor(canvas, store, frames, masks, on) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.store = store;
    this.frames = frames;
    this.masks = masks;
    this.on = on;
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
    this.hoverTimer = 0;
    this.pending = false;
    this.shownFrame = -1;
    this.#listen();
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
    const before = this.#place();
    const zoom = Math.min(Math.max(this.zoom * factor, 1), LONGEST_ZOOM);
    const grown = zoom / this.zoom;
    this.zoom = zoom;
    const after = this.#place();
    this.panX += x - (x - before.left) * grown - after.left;
    this.panY += y - (y - before.top) * grown - after.top;
    if (zoom === 1) [this.panX, this.panY] = [0, 0];
    this.draw();
  }

  /** Ends a polygon under way as a mask. @returns {boolean} whether there was one */
  closePolygon() {
    if (this.corners.length < 3) return false;
    const corners = this.corners;
    this.corners = [];
    this.on.mask(this.#shape((context, width, height) => {
      context.beginPath();
      corners.forEach(([x, y]) => context.lineTo(x * width, y * height));
      context.fill();
    }));
    return true;
  }

  /** Gives up what is being drawn. @returns {boolean} whether there was something */
  cancel() {
    const had = this.corners.length > 0 || this.drag !== null;
    this.corners = [];
    this.drag = null;
    this.draw();
    return had;
  }

  // geometry

  /** Where the picture lies, in CSS pixels of the canvas. */
  #place() {
    const { width, height } = this.store.state.video;
    const [outer, tall] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const scale = Math.min(outer / (width || 1), tall / (height || 1)) * this.zoom;
    const [w, h] = [width * scale, height * scale];
    return { left: (outer - w) / 2 + this.panX, top: (tall - h) / 2 + this.panY, width: w, height: h };
  }

  /** @param {{offsetX: number, offsetY: number}} event @returns {[number, number]} relative to the frame, may be outside 0..1 */
  #relative(event) {
    const place = this.#place();
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
    const place = this.#place();
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

  // the pointer

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("pointerleave", () => this.#leave());
    canvas.addEventListener("dblclick", () => this.closePolygon());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
    }, { passive: false });
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.canvas.focus();
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.#relative(event);
    const { state } = this.store;
    if (event.button === 1 || (event.button === 0 && event.shiftKey)) {
      this.drag = { kind: "pan", x: event.offsetX - this.panX, y: event.offsetY - this.panY };
      return;
    }
    const mark = event.button === 0 && !event.altKey ? this.#markAt(event) : null;
    if (mark) {
      this.store.act("selectPrompt", mark);
      this.drag = { kind: "mark", mark, from: at, to: at };
      return;
    }
    const positive = event.button === 0 && !event.altKey;
    const kinds = { brush: "brush", eraser: "brush", ellipse: "ellipse", box: "box", polygon: "corner", click: "press" };
    const kind = kinds[/** @type {keyof typeof kinds} */ (state.tool)];
    if (kind === "brush") this.drag = { kind, erases: state.tool === "eraser" || !positive, path: [at] };
    else this.drag = { kind, from: at, to: at, x: event.offsetX, y: event.offsetY, positive };
    this.draw();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#relative(event);
    const { drag } = this;
    if (!drag) {
      this.#hover(at);
      return;
    }
    if (drag.kind === "pan") [this.panX, this.panY] = [event.offsetX - drag.x, event.offsetY - drag.y];
    else if (drag.kind === "brush") drag.path.push(at);
    else {
      drag.to = at;
      const far = Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) > DRAG_PX;
      if (drag.kind === "press" && drag.positive && far) drag.kind = "box";
    }
    this.draw();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    const at = this.#relative(event);
    const inside = at.every((value) => value >= 0 && value <= 1);
    if (drag.kind === "press" && inside) this.on.point([at[0], at[1], drag.positive ? 1 : 0]);
    if (drag.kind === "corner" && inside) this.corners.push(at);
    if (drag.kind === "mark" && drag.to !== drag.from && inside) this.on.move(drag.mark, at[0], at[1]);
    if (drag.kind === "box") {
      const box = ordered(drag.from, at);
      if (box[2] - box[0] > 0.002 && box[3] - box[1] > 0.002) this.on.box(box);
    }
    if (drag.kind === "ellipse") {
      const [x0, y0, x1, y1] = ordered(drag.from, at);
      this.on.mask(this.#shape((context, width, height) => {
        context.beginPath();
        const [w, h] = [((x1 - x0) / 2) * width, ((y1 - y0) / 2) * height];
        context.ellipse(x0 * width + w, y0 * height + h, w, h, 0, 0, 2 * Math.PI);
        context.fill();
      }));
    }
    if (drag.kind === "brush") {
      this.on.mask(this.#shape((context, width, height) => {
        context.globalCompositeOperation = drag.erases ? "destination-out" : "source-over";
        context.beginPath();
        drag.path.forEach((/** @type {[number, number]} */ [x, y]) => context.lineTo(x * width, y * height));
        if (drag.path.length === 1) context.lineTo(drag.path[0][0] * width + 0.01, drag.path[0][1] * height);
        context.lineCap = context.lineJoin = "round";
        context.lineWidth = 2 * this.brush * width;
        context.stroke();
      }, true));
    }
    this.draw();
  }

  #leave() {
    clearTimeout(this.hoverTimer);
    this.on.hover(null);
    this.showHover(null);
  }

  /** @param {[number, number]} at */
  #hover(at) {
    const { state } = this.store;
    clearTimeout(this.hoverTimer);
    const inside = at.every((value) => value >= 0 && value <= 1);
    if (!state.hover || state.playing || state.tool !== "click" || !inside) {
      if (this.hoverPicture) this.showHover(null);
      return;
    }
    this.hoverTimer = setTimeout(() => this.on.hover([at[0], at[1], 1]), HOVER_MS);
  }

  /** The prompt of the open frame under the pointer. @param {PointerEvent} event */
  #markAt(event) {
    const { state } = this.store;
    const place = this.#place();
    for (const prompt of state.prompts) {
      if (prompt.frame !== state.frame) continue;
      const point = prompt.points.findIndex(([x, y]) =>
        Math.hypot(place.left + x * place.width - event.offsetX, place.top + y * place.height - event.offsetY) < GRAB_PX);
      if (point >= 0) return { object: prompt.object, frame: prompt.frame, point };
    }
    return null;
  }

  /**
   * A drawn shape as a mask of the video's size. onMask: drawn over (or out of) the object's mask of the open frame.
   * @param {(context: OffscreenCanvasRenderingContext2D, width: number, height: number) => void} drawShape
   */
  #shape(drawShape, onMask = false) {
    const { state } = this.store;
    const { width, height } = state.video;
    const canvas = new OffscreenCanvas(width, height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    const known = onMask ? this.masks.mask(state.frame, state.selected) : undefined;
    if (known?.rle) {
      const bytes = decode(known.rle);
      const image = new ImageData(known.rle.size[1], known.rle.size[0]);
      for (let at = 0; at < bytes.length; at += 1) image.data[4 * at + 3] = bytes[at] ? 255 : 0;
      context.putImageData(image, 0, 0);
    }
    drawShape(context, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const mask = new Uint8Array(width * height);
    for (let at = 0; at < mask.length; at += 1) mask[at] = data[4 * at + 3] > 127 ? 1 : 0;
    return encode(mask, height, width);
  }
}

/** @param {[number, number]} from @param {[number, number]} to @returns {Box} inside the frame */
function ordered(from, to) {
  const inside = (/** @type {number} */ value) => Math.min(Math.max(value, 0), 1);
  return [
    inside(Math.min(from[0], to[0])), inside(Math.min(from[1], to[1])),
    inside(Math.max(from[0], to[0])), inside(Math.max(from[1], to[1])),
  ];
}
