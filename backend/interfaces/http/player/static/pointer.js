// What the pointer does on the stage: clicks, boxes, strokes, corners, moving the picture, hovering.

import { decode, encode } from "./rle.js";
import { ordered } from "./stage.js";

/** @typedef {import("./types.js").PointPrompt} PointPrompt */
/** @typedef {import("./types.js").Box} Box */

const DRAG_PX = 5;
const GRAB_PX = 10;
const HOVER_MS = 40;

export class Pointer {
  /**
   * @param {import("./stage.js").Stage} stage
   * @param {{
   *   point: (point: PointPrompt) => void, box: (box: Box) => void, mask: (rle: import("./rle.js").Rle) => void,
   *   move: (at: {object: string, frame: number, point: number}, x: number, y: number) => void,
   *   hover: (point: PointPrompt | null) => void,
   * }} on
   */
  constructor(stage, on) {
    this.stage = stage;
    this.canvas = stage.canvas;
    this.store = stage.store;
    this.on = on;
    this.hoverTimer = 0;
    this.#listen();
  }

  /** Ends a polygon under way as a mask. @returns {boolean} whether there was one */
  closePolygon() {
    const { corners } = this.stage;
    if (corners.length < 3) return false;
    this.stage.corners = [];
    this.on.mask(this.#shape((context, width, height) => {
      context.beginPath();
      corners.forEach(([x, y]) => context.lineTo(x * width, y * height));
      context.fill();
    }));
    return true;
  }

  /** Gives up what is being drawn. @returns {boolean} whether there was something */
  cancel() {
    const had = this.stage.corners.length > 0 || this.stage.drag !== null;
    this.stage.corners = [];
    this.stage.drag = null;
    this.stage.draw();
    return had;
  }

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
      this.stage.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
    }, { passive: false });
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.canvas.focus();
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.stage.relative(event);
    const { state } = this.store;
    if (event.button === 1 || (event.button === 0 && event.shiftKey)) {
      this.stage.drag = { kind: "pan", x: event.offsetX - this.stage.panX, y: event.offsetY - this.stage.panY };
      return;
    }
    const mark = event.button === 0 && !event.altKey ? this.#markAt(event) : null;
    if (mark) {
      this.store.act("selectPrompt", mark);
      this.stage.drag = { kind: "mark", mark, from: at, to: at };
      return;
    }
    const positive = event.button === 0 && !event.altKey;
    const kinds = { brush: "brush", eraser: "brush", ellipse: "ellipse", box: "box", polygon: "corner", click: "press" };
    const kind = kinds[/** @type {keyof typeof kinds} */ (state.tool)];
    if (kind === "brush") this.stage.drag = { kind, erases: state.tool === "eraser" || !positive, path: [at] };
    else this.stage.drag = { kind, from: at, to: at, x: event.offsetX, y: event.offsetY, positive };
    this.stage.draw();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.stage.relative(event);
    const { drag } = this.stage;
    if (!drag) {
      this.#hover(at);
      return;
    }
    if (drag.kind === "pan") [this.stage.panX, this.stage.panY] = [event.offsetX - drag.x, event.offsetY - drag.y];
    else if (drag.kind === "brush") drag.path.push(at);
    else {
      drag.to = at;
      const far = Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) > DRAG_PX;
      if (drag.kind === "press" && drag.positive && far) drag.kind = "box";
    }
    this.stage.draw();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const { drag } = this.stage;
    this.stage.drag = null;
    if (!drag) return;
    const at = this.stage.relative(event);
    const inside = at.every((value) => value >= 0 && value <= 1);
    if (drag.kind === "press" && inside) this.on.point([at[0], at[1], drag.positive ? 1 : 0]);
    if (drag.kind === "corner" && inside) this.stage.corners.push(at);
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
        context.lineWidth = 2 * this.stage.brush * width;
        context.stroke();
      }, true));
    }
    this.stage.draw();
  }

  #leave() {
    clearTimeout(this.hoverTimer);
    this.on.hover(null);
    this.stage.showHover(null);
  }

  /** @param {[number, number]} at */
  #hover(at) {
    const { state } = this.store;
    clearTimeout(this.hoverTimer);
    const inside = at.every((value) => value >= 0 && value <= 1);
    if (!state.hover || state.playing || state.tool !== "click" || !inside) {
      if (this.stage.hoverPicture) this.stage.showHover(null);
      return;
    }
    this.hoverTimer = setTimeout(() => this.on.hover([at[0], at[1], 1]), HOVER_MS);
  }

  /** The prompt of the open frame under the pointer. @param {PointerEvent} event */
  #markAt(event) {
    const { state } = this.store;
    const place = this.stage.place();
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
    const known = onMask ? this.stage.masks.mask(state.frame, state.selected) : undefined;
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
