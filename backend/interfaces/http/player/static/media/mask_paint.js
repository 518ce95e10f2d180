// Paints masks as pixels: each in its colour, with an edge.

import { forEachRun } from "./rle.js";

/** @typedef {{rle: import("./rle.js").Rle, color: string}} ColoredMask  color: #rrggbb */

const FILL_ALPHA = 110;
const EDGE_ALPHA = 235;

/**
 * Masks in their colours with an edge; later ones lie above.
 * @param {ColoredMask[]} masks  at least one; all of one size
 * @returns {OffscreenCanvas} of the masks' size
 */
export function paint(masks) {
  const [height, width] = masks[0].rle.size;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (const mask of masks) paintOne(pixels, width, mask);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}

/** @param {Uint32Array} pixels  row by row @param {number} width @param {ColoredMask} mask */
function paintOne(pixels, width, { rle, color }) {
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

/** @param {string} color  #rrggbb @param {number} alpha  0..255 @returns {number} for a little-endian Uint32Array */
function rgba(color, alpha) {
  const value = Number.parseInt(color.slice(1), 16);
  return ((alpha << 24) | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}
