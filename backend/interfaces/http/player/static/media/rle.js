// COCO run lengths: counts of pixels in columns, first of background, in the compressed ASCII form.

/**
 * @typedef {{size: [number, number], counts: string}} Rle  size: [height, width] in pixels
 */

/**
 * The run lengths of a compressed string.
 * @param {string} counts
 * @returns {number[]} pixels per run, background first
 */
export function runLengths(counts) {
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
      value += (bits & 0x1f) * 2 ** shift;
      more = (bits & 0x20) !== 0;
      shift += 5;
      if (!more && bits & 0x10) value -= 2 ** shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    if (value < 0) throw new RangeError("a run length is negative");
    runs.push(value);
  }
  return runs;
}

/**
 * The compressed string of run lengths.
 * @param {number[]} runs  pixels per run, background first
 * @returns {string}
 */
export function compressed(runs) {
  let text = "";
  runs.forEach((run, index) => {
    let value = index > 2 ? run - runs[index - 2] : run;
    let more = true;
    while (more) {
      let bits = value & 0x1f;
      value >>= 5;
      more = bits & 0x10 ? value !== -1 : value !== 0;
      if (more) bits |= 0x20;
      text += String.fromCharCode(bits + 48);
    }
  });
  return text;
}

/**
 * A mask as bytes, row by row.
 * @param {Rle} rle
 * @returns {Uint8Array} height × width, 1 on the object
 */
export function decode(rle) {
  const [height, width] = rle.size;
  const mask = new Uint8Array(height * width);
  forEachRun(rle, (column, top, length) => {
    let at = top * width + column;
    for (let row = 0; row < length; row += 1, at += width) mask[at] = 1;
  });
  return mask;
}

/**
 * Calls `visit` for each vertical piece of the mask, within one column.
 * @param {Rle} rle
 * @param {(column: number, top: number, length: number) => void} visit
 */
export function forEachRun(rle, visit) {
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

/**
 * The run lengths of a mask.
 * @param {Uint8Array} mask  height × width, row by row; not 0 on the object
 * @param {number} height
 * @param {number} width
 * @returns {Rle}
 */
export function encode(mask, height, width) {
  const runs = [];
  let value = 0;
  let length = 0;
  for (let column = 0; column < width; column += 1) {
    for (let row = 0, at = column; row < height; row += 1, at += width) {
      const here = mask[at] ? 1 : 0;
      if (here !== value) {
        runs.push(length);
        value = here;
        length = 0;
      }
      length += 1;
    }
  }
  runs.push(length);
  return { size: [height, width], counts: compressed(runs) };
}

/**
 * The smallest box around a mask, in relative coordinates; null for an empty mask.
 * @param {Rle} rle
 * @returns {[number, number, number, number] | null} [x0, y0, x1, y1], 0..1
 */
export function boxOf(rle) {
  const [height, width] = rle.size;
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  forEachRun(rle, (column, first, length) => {
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, first);
    bottom = Math.max(bottom, first + length);
  });
  return right < 0 ? null : [left / width, top / height, right / width, bottom / height];
}
