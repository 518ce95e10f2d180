// Draws the timeline's lanes: an object's presence, uncertainty and human frames over all frames.

import { scoreColor } from "./score_color.js";

/** @typedef {import("../state/state.js").State} State */

export const LANE_PX = 16;
export const HEAD_PX = 14;
const LABEL_PX = 84;
const LABEL_CHARACTERS = 14;
const DOT_PX = 3;

/** Frames to pixels of the timeline. */
export class Scale {
  /** @param {number} width  CSS pixels @param {number} frameCount */
  constructor(width, frameCount) {
    this.width = width;
    this.frameCount = Math.max(frameCount, 1);
    this.frameWidth = (width - LABEL_PX) / this.frameCount;
  }

  /** @param {number} frame @returns {number} x in CSS pixels */
  x(frame) {
    return LABEL_PX + frame * this.frameWidth;
  }

  /** @param {number} x  CSS pixels @returns {number} may be outside of the video */
  frame(x) {
    return Math.floor((x - LABEL_PX) / this.frameWidth);
  }
}

/** The name with its end, which tells objects of one label apart. @param {string} name @returns {string} */
export function shortened(name) {
  return name.length <= LABEL_CHARACTERS ? name : `${name.slice(0, LABEL_CHARACTERS - 5)}…${name.slice(-4)}`;
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context  in CSS pixels
 * @param {State} state
 * @param {Scale} scale
 * @param {{ink: string, faint: string}} colors
 */
export function drawLanes(context, state, scale, { ink, faint }) {
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  state.objects.forEach((object, position) => {
    const top = HEAD_PX + position * LANE_PX;
    context.fillStyle = object.id === state.selected ? ink : faint;
    context.fillText(shortened(object.id), 2, top + LANE_PX / 2, LABEL_PX - 6);
    const lane = state.lanes[object.id];
    const human = new Set(lane?.human);
    for (const prompt of state.prompts) if (prompt.object === object.id) human.add(prompt.frame);
    if (lane) drawMasks(context, lane, top, scale, object.color, faint);
    drawHuman(context, human, top, scale);
  });
  context.fillStyle = ink;
  for (const cut of state.cuts) context.fillRect(scale.x(cut), 0, 1, HEAD_PX + LANE_PX * state.objects.length);
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {import("../types.js").Lane} lane
 * @param {number} top  CSS pixels
 * @param {Scale} scale
 * @param {string} color
 * @param {string} faint
 */
function drawMasks(context, lane, top, scale, color, faint) {
  const bar = (/** @type {number} */ start, /** @type {number} */ stop, /** @type {number} */ y, /** @type {number} */ height) =>
    context.fillRect(scale.x(start), y, Math.max((stop - start) * scale.frameWidth, 1), height);
  context.fillStyle = color;
  for (const [start, stop] of lane.present) bar(start, stop, top + 3, LANE_PX - 6);
  context.fillStyle = faint;
  for (const [start, stop] of lane.absent) bar(start, stop, top + LANE_PX / 2 - 1, 2);
  for (const [frame, value] of mostPerPixel(lane.uncertainty, scale)) {
    context.globalAlpha = Math.min(value, 1);
    context.fillStyle = scoreColor(value);
    bar(frame, frame + 1, top + 1, LANE_PX - 2);
  }
  context.globalAlpha = 1;
}

/**
 * The highest uncertainty of each pixel column, so that a long video takes no longer to draw than a short one.
 * @param {[number, number][]} uncertainty  frame and value
 * @param {Scale} scale
 * @returns {[number, number][]}
 */
export function mostPerPixel(uncertainty, scale) {
  if (scale.frameWidth >= 1) return uncertainty;
  /** @type {Map<number, [number, number]>} */
  const found = new Map();
  for (const entry of uncertainty) {
    const column = Math.floor(scale.x(entry[0]));
    if (entry[1] > (found.get(column)?.[1] ?? -1)) found.set(column, entry);
  }
  return [...found.values()];
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {Iterable<number>} frames
 * @param {number} top  CSS pixels
 * @param {Scale} scale
 */
function drawHuman(context, frames, top, scale) {
  context.fillStyle = "#ffffff";
  context.strokeStyle = "#000000";
  // Dots of one pixel column lie on each other.
  for (const x of new Set([...frames].map((frame) => Math.round(scale.x(frame) + scale.frameWidth / 2)))) {
    context.beginPath();
    context.arc(x, top + LANE_PX / 2, DOT_PX, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}
