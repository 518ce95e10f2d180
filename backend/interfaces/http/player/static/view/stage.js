// The canvas: picture, masks and prompts of the open frame. Draws on demand, once a display frame.

import { paint } from "../media/mask_paint.js";
import { shown } from "../state/shown.js";
import { oncePerFrame } from "./draw_once.js";
import { drawCrossHair, drawDrag, drawPrompt, strokeBox } from "./marks.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").PromptMark} PromptMark */
/** @typedef {{left: number, top: number, width: number, height: number}} Place  of the picture, CSS pixels of the canvas */
/**
 * @typedef {{kind: "pan", x: number, y: number}
 *   | {kind: "mark", mark: PromptMark, to: Point | null, x: number, y: number}
 *   | {kind: "brush", erases: boolean, path: Point[]}
 *   | {kind: "box" | "ellipse" | "corner" | "press", from: Point, to: Point, x: number, y: number, positive: boolean}} Drag
 */

const MOST_ZOOM = 16;
const SMOOTH_BELOW = 4;
const BRUSH_REL = 0.02;
const HOVER_ALPHA = 0.6;

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/frame_cache.js").FrameCache} frames
   * @param {import("../media/shown_masks.js").ShownMasks} masks
   * @param {import("../media/mask_pictures.js").MaskPictures} pictures
   */
  constructor(canvas, store, frames, masks, pictures) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.store = store;
    this.frames = frames;
    this.masks = masks;
    this.pictures = pictures;
    this.zoom = 1;
    this.panX = 0;
    this.panY = 0;
    /** The brush's radius, as a share of the picture's width. */
    this.brush = BRUSH_REL;
    /** @type {Drag | null} */
    this.drag = null;
    /** @type {Point[]} corners of a polygon under way */
    this.corners = [];
    /** @type {Point | null} the cross hair that keys move */
    this.crossHair = null;
    /** @type {OffscreenCanvas | null} */
    this.hoverPicture = null;
    /** Draws at the next display frame. */
    this.draw = oncePerFrame(() => this.#paint());
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  /** @param {import("../types.js").MaskEntry | null} mask */
  showHover(mask) {
    if (!mask && !this.hoverPicture) return;
    this.hoverPicture = mask?.rle ? paint([{ rle: mask.rle, color: "#ffffff" }]) : null;
    this.draw();
  }

  /** @returns {boolean} whether the picture on the canvas is the open frame's */
  showsOpenFrame() {
    return this.frames.bitmap(this.store.state.frame) !== undefined;
  }

  // geometry

  resetZoom() {
    [this.zoom, this.panX, this.panY] = [1, 0, 0];
    this.draw();
  }

  /** Zooms around a point, in CSS pixels of the canvas. @param {number} factor */
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const before = this.place();
    const zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    const grown = zoom / this.zoom;
    this.zoom = zoom;
    const after = this.place();
    this.panX += x - (x - before.left) * grown - after.left;
    this.panY += y - (y - before.top) * grown - after.top;
    if (zoom === 1) [this.panX, this.panY] = [0, 0];
    this.draw();
  }

  /** Where the picture lies. @returns {Place} */
  place() {
    const { width, height } = this.store.state.video;
    const [outer, tall] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const scale = Math.min(outer / (width || 1), tall / (height || 1)) * this.zoom;
    const [w, h] = [width * scale, height * scale];
    return { left: (outer - w) / 2 + this.panX, top: (tall - h) / 2 + this.panY, width: w, height: h };
  }

  /** @param {{offsetX: number, offsetY: number}} event @returns {Point} may be outside of the frame */
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
    const { frame } = this.store.state;
    const picture = this.frames.bitmap(frame);
    this.canvas.dataset.complete = String(Boolean(picture) && this.pictures.isCurrent(frame));
    // The picture before stays until this one is here.
    if (!picture) return;
    this.canvas.dataset.frame = String(frame);
    const { context } = this;
    const ratio = window.devicePixelRatio || 1;
    const place = this.place();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // Without an alpha channel, what is cleared is black.
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    context.imageSmoothingEnabled = this.zoom < SMOOTH_BELOW;
    this.#image(picture, place);
    const masks = this.pictures.picture(frame);
    if (masks) this.#image(masks, place);
    this.#paintMarks(place);
  }

  /** @param {CanvasImageSource} image @param {Place} place */
  #image(image, place) {
    this.context.drawImage(image, place.left, place.top, place.width, place.height);
  }

  /** @param {Place} place */
  #paintMarks(place) {
    const state = shown(this.store.state);
    const { context } = this;
    if (state.boxes) this.#paintBoxes(place);
    if (state.playing) return;
    if (this.hoverPicture) {
      context.globalAlpha = HOVER_ALPHA;
      this.#image(this.hoverPicture, place);
      context.globalAlpha = 1;
    }
    for (const prompt of state.prompts) {
      const object = state.objects.find((each) => each.id === prompt.object);
      if (prompt.frame === state.frame && object?.visible) {
        drawPrompt(context, place, prompt, object.color, state.selectedPrompt);
      }
    }
    const color = state.objects.find((each) => each.id === state.selected)?.color ?? "#ffffff";
    drawDrag(context, place, this.drag, this.corners, color, this.brush);
    if (this.crossHair) drawCrossHair(context, place, this.crossHair);
  }

  /** @param {Place} place */
  #paintBoxes(place) {
    const state = shown(this.store.state);
    for (const { id, color, visible } of state.objects) {
      const box = visible ? this.masks.mask(state.frame, id)?.box : null;
      if (box) strokeBox(this.context, place, box, color, { dash: [6, 4] });
    }
  }
}
