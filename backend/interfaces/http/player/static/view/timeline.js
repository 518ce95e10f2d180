// The timeline: a lane an object over all frames, on one canvas. A click or drag moves the play head.

import { shown } from "../state/shown.js";
import { isPropagating } from "../state/state.js";
import { oncePerFrame } from "./draw_once.js";
import { drawLanes, HEAD_PX, LANE_PX, Scale } from "./lanes.js";

/** @typedef {import("../state/state.js").State} State */
/** @type {(keyof State)[]} what the lanes show; the rest is drawn over them */
const LANE_KEYS = ["lanes", "objects", "prompts", "selected", "cuts", "video"];

export class Timeline {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("../state/state.js").Store} store
   */
  constructor(canvas, store) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.store = store;
    this.draw = oncePerFrame(() => this.#paint());
    this.lanes = new OffscreenCanvas(1, 1);
    /** @type {State | null} the state that the lanes show */
    this.drawn = null;
    this.drawnFor = "";
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#seek(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** @param {PointerEvent} event */
  #press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.#seek(event);
    const object = shown(this.store.state).objects[Math.floor((event.offsetY - HEAD_PX) / LANE_PX)];
    if (object) this.store.act("select", object.id);
  }

  /** @param {PointerEvent} event */
  #seek(event) {
    if (!(event.buttons & 1)) return;
    this.store.act("set", { playing: false });
    this.store.act("frame", this.#scale().frame(event.offsetX));
  }

  #scale() {
    return new Scale(this.canvas.clientWidth, this.store.state.video.frame_count);
  }

  #paint() {
    const state = shown(this.store.state);
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    const height = HEAD_PX + LANE_PX * Math.max(state.objects.length, 1);
    const [wide, tall] = [Math.round(canvas.clientWidth * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== tall) {
      canvas.style.height = `${height}px`;
      [canvas.width, canvas.height] = [wide, tall];
    }
    const style = getComputedStyle(canvas);
    // A computed border colour is resolved; a custom property is not.
    const colors = { ink: style.color, faint: style.borderTopColor };
    this.#paintLanes(state, wide, tall, ratio, colors);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, wide, tall);
    context.drawImage(this.lanes, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#paintWork(state, colors);
    this.#paintHead(state, height, colors.ink);
    this.#tell(state);
  }

  /** What a screen reader says of the play head. @param {State} state */
  #tell({ frame, video }) {
    const values = { valuemin: 1, valuemax: Math.max(video.frame_count, 1), valuenow: frame + 1 };
    for (const [name, value] of Object.entries(values)) this.canvas.setAttribute(`aria-${name}`, String(value));
  }

  /**
   * Draws the lanes anew if what they show has changed: not while the play head alone moves.
   * @param {State} state
   * @param {number} wide  device pixels
   * @param {number} tall  device pixels
   * @param {number} ratio  device pixels per CSS pixel
   * @param {{ink: string, faint: string}} colors
   */
  #paintLanes(state, wide, tall, ratio, colors) {
    const drawnFor = `${wide} ${tall} ${colors.ink} ${colors.faint}`;
    const { drawn } = this;
    if (drawn && drawnFor === this.drawnFor && LANE_KEYS.every((key) => drawn[key] === state[key])) return;
    this.drawn = state;
    this.drawnFor = drawnFor;
    this.lanes.width = Math.max(wide, 1);
    this.lanes.height = tall;
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (this.lanes.getContext("2d"));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawLanes(context, state, this.#scale(), colors);
  }

  /** The propagation under way, and the range to approve. @param {State} state @param {{ink: string, faint: string}} colors */
  #paintWork(state, { ink, faint }) {
    const { context } = this;
    const scale = this.#scale();
    const bar = (/** @type {number} */ start, /** @type {number} */ frames, /** @type {number} */ y) =>
      context.fillRect(scale.x(start), y, Math.max(frames * scale.frameWidth, 2), 2);
    const { job, rangeStart, frame, looked } = state;
    if (job && !looked && isPropagating(state)) {
      context.fillStyle = faint;
      bar(job.start, job.stop - job.start, HEAD_PX - 3);
      context.fillStyle = ink;
      bar(job.start, (job.stop - job.start) * (job.total ? job.done / job.total : 0), HEAD_PX - 3);
    }
    if (rangeStart !== null) {
      context.fillStyle = ink;
      bar(Math.min(rangeStart, frame), Math.abs(frame - rangeStart) + 1, 0);
    }
  }

  /** @param {State} state @param {number} height @param {string} ink */
  #paintHead(state, height, ink) {
    const { context } = this;
    const scale = this.#scale();
    const x = scale.x(state.frame);
    context.fillStyle = ink;
    context.globalAlpha = 0.25;
    context.fillRect(x, 0, Math.max(scale.frameWidth, 2), height);
    context.globalAlpha = 1;
    context.fillRect(x, 0, 2, height);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillText(String(state.frame + 1), Math.min(x + 4, scale.width - 40), HEAD_PX / 2);
  }
}
