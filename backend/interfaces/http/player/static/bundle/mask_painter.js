// Made by scripts/page_bundles from the modules in the folder above. Do not edit.

// backend/interfaces/http/player/static/media/rle.js
function runLengths(counts) {
  const runs = [];
  let position = 0;
  while (position < counts.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      if (position >= counts.length) throw new RangeError("the run lengths end in the middle of a number");
      const bits = counts.charCodeAt(position) - 48;
      position += 1;
      value += (bits & 31) * 2 ** shift;
      more = (bits & 32) !== 0;
      shift += 5;
      if (!more && bits & 16) value -= 2 ** shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    if (value < 0) throw new RangeError("a run length is negative");
    runs.push(value);
  }
  return runs;
}
function forEachRun(rle, visit) {
  const [height, width] = rle.size;
  const runs = runLengths(rle.counts);
  let at = 0;
  runs.forEach((run, index) => {
    if (index % 2 === 0) {
      at += run;
      return;
    }
    let left = run;
    while (left > 0) {
      const column = Math.floor(at / height);
      if (column >= width) throw new RangeError("the run lengths are longer than the picture");
      const top = at - column * height;
      const length = Math.min(left, height - top);
      visit(column, top, length);
      at += length;
      left -= length;
    }
  });
}

// backend/interfaces/http/player/static/media/mask_paint.js
var FILL_ALPHA = 110;
var EDGE_ALPHA = 235;
function paint(masks) {
  const [height, width] = masks[0].rle.size;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (const mask of masks) paintOne(pixels, width, mask);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}
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
function rgba(color, alpha) {
  const value = Number.parseInt(color.slice(1), 16);
  return (alpha << 24 | (value & 255) << 16 | value & 65280 | value >> 16) >>> 0;
}

// backend/interfaces/http/player/static/media/mask_painter.js
var page = (
  /** @type {Worker} */
  /** @type {unknown} */
  self
);
page.onmessage = ({ data }) => {
  try {
    const bitmap = paint(data.masks).transferToImageBitmap();
    page.postMessage({ id: data.id, bitmap }, [bitmap]);
  } catch (error) {
    page.postMessage({ id: data.id, problem: String(error) });
  }
};
