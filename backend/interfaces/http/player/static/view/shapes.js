// Drawn shapes as masks of the video's size.

import { decode, encode } from "../media/rle.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("../types.js").Rle} Rle */
/** @typedef {(context: OffscreenCanvasRenderingContext2D, width: number, height: number) => void} DrawShape */

/** @param {Point[]} corners @returns {DrawShape} */
export function polygon(corners) {
  return (context, width, height) => {
    context.beginPath();
    corners.forEach(([x, y]) => context.lineTo(x * width, y * height));
    context.fill();
  };
}

/** @param {import("../types.js").Box} box @returns {DrawShape} the ellipse inside the box */
export function ellipse([x0, y0, x1, y1]) {
  return (context, width, height) => {
    const [w, h] = [((x1 - x0) / 2) * width, ((y1 - y0) / 2) * height];
    context.beginPath();
    context.ellipse(x0 * width + w, y0 * height + h, w, h, 0, 0, 2 * Math.PI);
    context.fill();
  };
}

/** @param {Point[]} path @param {boolean} erases @param {number} brush  radius, as a share of the width @returns {DrawShape} */
export function stroke(path, erases, brush) {
  return (context, width, height) => {
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.beginPath();
    path.forEach(([x, y]) => context.lineTo(x * width, y * height));
    // A path of one point has no length and would draw nothing.
    if (path.length === 1) context.lineTo(path[0][0] * width + 0.01, path[0][1] * height);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * brush * width;
    context.stroke();
  };
}

/**
 * A shape as a mask. known: the mask that it is drawn over, or out of.
 * @param {DrawShape} drawShape
 * @param {{width: number, height: number}} size  pixels
 * @param {Rle | null} known
 * @returns {Rle}
 */
export function maskOf(drawShape, { width, height }, known) {
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  if (known) {
    const bytes = decode(known);
    const image = new ImageData(known.size[1], known.size[0]);
    for (let at = 0; at < bytes.length; at += 1) image.data[4 * at + 3] = bytes[at] ? 255 : 0;
    context.putImageData(image, 0, 0);
  }
  drawShape(context, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const mask = new Uint8Array(width * height);
  for (let at = 0; at < mask.length; at += 1) mask[at] = data[4 * at + 3] > 127 ? 1 : 0;
  return encode(mask, height, width);
}
