// What the pointer does on the stage: clicks, boxes, strokes, corners, moving the picture, hovering.

import { ordered } from "./marks.js";
import { ellipse, maskOf, polygon, stroke } from "./shapes.js";

/** @typedef {import("../types.js").PointPrompt} PointPrompt */
/** @typedef {import("../types.js").Box} Box */
/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").PromptMark} PromptMark */

const DRAG_PX = 5;
const GRAB_PX = 10;
const LEAST_BOX_REL = 0.002;
const LEAST_CORNERS = 3;
/** @type {Record<import("../state/state.js").Tool, "brush" | "ellipse" | "box" | "corner" | "press">} */
const KINDS = { brush: "brush", eraser: "brush", ellipse: "ellipse", box: "box", polygon: "corner", click: "press" };

export class Pointer {
  /**
   * @param {import("./stage.js").Stage} stage
   * @param {{
   *   point: (point: PointPrompt) => void, box: (box: Box) => void, mask: (rle: import("../types.js").Rle) => void,
   *   move: (at: PromptMark, x: number, y: number) => void,
   *   hover: (point: PointPrompt | null) => void, refuse: () => boolean,
   * }} on
   */
  constructor(stage, on) {
    this.stage = stage;
    this.canvas = stage.canvas;
    this.store = stage.store;
    this.on = on;
    this.#listen();
  }

  /** Ends a polygon under way as a mask. @returns {boolean} whether there was one */
  closePolygon() {
    const { corners } = this.stage;
    if (corners.length < LEAST_CORNERS) return false;
    this.stage.corners = [];
    this.on.mask(maskOf(polygon(corners), this.store.state.video, null));
    return true;
  }

  /** @returns {boolean} whether something is being drawn */
  isDrawing() {
    return this.stage.corners.length > 0 || this.stage.drag !== null;
  }

  /** Gives up what is being drawn. @returns {boolean} whether there was something */
  cancel() {
    const had = this.isDrawing();
    this.stage.corners = [];
    this.stage.drag = null;
    this.stage.draw();
    return had;
  }

  /** Moves the cross hair, which starts in the middle. @param {number} x @param {number} y  shares of the frame */
  moveCrossHair(x, y) {
    const [left, top] = this.stage.crossHair ?? [0.5, 0.5];
    const inside = (/** @type {number} */ value) => Math.min(Math.max(value, 0), 1);
    this.stage.crossHair = [inside(left + x), inside(top + y)];
    this.stage.draw();
  }

  /** @returns {boolean} whether there was a cross hair */
  hideCrossHair() {
    const had = this.stage.crossHair !== null;
    this.stage.crossHair = null;
    this.stage.draw();
    return had;
  }

  /** Clicks at the cross hair. @param {0 | 1} positive */
  clickCrossHair(positive) {
    const at = this.stage.crossHair;
    if (at && this.stage.showsOpenFrame()) this.on.point([at[0], at[1], positive]);
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("pointerleave", () => this.on.hover(null));
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
    // A prompt belongs to the frame that the person sees.
    if (!this.stage.showsOpenFrame() || this.on.refuse()) return;
    const mark = event.button === 0 && !event.altKey ? this.#markAt(event) : null;
    if (mark) {
      this.store.act("selectPrompt", mark);
      this.stage.drag = { kind: "mark", mark, to: null, x: event.offsetX, y: event.offsetY };
      return;
    }
    const positive = event.button === 0 && !event.altKey;
    const kind = KINDS[state.tool];
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
      const isFar = Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) > DRAG_PX;
      // A click moves the mouse a little, too.
      if (drag.kind !== "mark" || isFar || drag.to) drag.to = at;
      if (drag.kind === "press" && drag.positive && isFar) drag.kind = "box";
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
    if (drag.kind === "mark" && drag.mark.point >= 0 && drag.to && inside) this.on.move(drag.mark, at[0], at[1]);
    if (drag.kind === "box") {
      const box = ordered(drag.from, at);
      if (box[2] - box[0] > LEAST_BOX_REL && box[3] - box[1] > LEAST_BOX_REL) this.on.box(box);
    }
    if (drag.kind === "ellipse") this.on.mask(maskOf(ellipse(ordered(drag.from, at)), this.store.state.video, null));
    if (drag.kind === "brush") this.#stroke(drag.path, drag.erases);
    this.stage.draw();
  }

  /** Draws a stroke over, or out of, the object's mask of the open frame. @param {Point[]} path @param {boolean} erases */
  #stroke(path, erases) {
    const { state } = this.store;
    const known = this.stage.masks.mask(state.frame, state.selected)?.rle ?? null;
    this.on.mask(maskOf(stroke(path, erases, this.stage.brush), state.video, known));
  }

  /** @param {[number, number]} at */
  #hover(at) {
    const { state } = this.store;
    const inside = at.every((value) => value >= 0 && value <= 1);
    if (!state.hover || state.looked || state.playing || state.tool !== "click" || !inside) {
      if (this.stage.hoverPicture) this.on.hover(null);
      return;
    }
    this.on.hover([at[0], at[1], 1]);
  }

  /** The point or box of the open frame under the pointer. @param {PointerEvent} event @returns {PromptMark | null} */
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
}
