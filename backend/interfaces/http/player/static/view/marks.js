// Draws prompts, boxes and what is being drawn on the stage's canvas.

/** @typedef {import("../types.js").Box} Box */
/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("./stage.js").Place} Place */

const MARK_PX = 7;
const SIGN_PX = 3;
const LINE_PX = 2;
const CHOSEN_PX = 4;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {Box} box
 * @param {string} color
 * @param {{dash?: number[], width?: number}} [line]
 */
export function strokeBox(context, place, [x0, y0, x1, y1], color, { dash = [], width = LINE_PX } = {}) {
  context.setLineDash(dash);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.strokeRect(
    place.left + x0 * place.width, place.top + y0 * place.height, (x1 - x0) * place.width, (y1 - y0) * place.height,
  );
  context.setLineDash([]);
}

/**
 * A prompt's box and points; the selected one is thicker.
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {import("../types.js").Prompt} prompt
 * @param {string} color
 * @param {import("../types.js").PromptMark | null} selected
 */
export function drawPrompt(context, place, prompt, color, selected) {
  const isHere = selected !== null && selected.object === prompt.object && selected.frame === prompt.frame;
  const widthOf = (/** @type {number} */ point) => (isHere && selected.point === point ? CHOSEN_PX : LINE_PX);
  if (prompt.box) strokeBox(context, place, prompt.box, color, { width: widthOf(-1) });
  prompt.points.forEach(([x, y, positive], index) => {
    drawPoint(context, place.left + x * place.width, place.top + y * place.height, positive === 1, color, widthOf(index));
  });
}

/**
 * A disc with a plus, or with a minus.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {boolean} positive
 * @param {string} color
 * @param {number} width
 */
function drawPoint(context, x, y, positive, color, width) {
  context.beginPath();
  context.arc(x, y, MARK_PX, 0, 2 * Math.PI);
  context.fillStyle = positive ? color : "#ffffff";
  context.fill();
  context.lineWidth = width;
  context.strokeStyle = positive ? "#ffffff" : color;
  context.stroke();
  context.beginPath();
  context.moveTo(x - SIGN_PX, y);
  context.lineTo(x + SIGN_PX, y);
  if (positive) {
    context.moveTo(x, y - SIGN_PX);
    context.lineTo(x, y + SIGN_PX);
  }
  context.lineWidth = LINE_PX;
  context.stroke();
}

/**
 * What is being drawn: a box, an ellipse, a stroke, the corners of a polygon, or where a point is moved to.
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {import("./stage.js").Drag | null} drag
 * @param {Point[]} corners
 * @param {string} color
 * @param {number} brush  radius, as a share of the picture's width
 */
export function drawDrag(context, place, drag, corners, color, brush) {
  if (drag?.kind === "box") strokeBox(context, place, ordered(drag.from, drag.to), color, { dash: [4, 3] });
  if (drag?.kind === "ellipse") {
    const [x0, y0, x1, y1] = ordered(drag.from, drag.to);
    const [w, h] = [((x1 - x0) / 2) * place.width, ((y1 - y0) / 2) * place.height];
    context.beginPath();
    context.ellipse(place.left + x0 * place.width + w, place.top + y0 * place.height + h, w, h, 0, 0, 2 * Math.PI);
    context.strokeStyle = color;
    context.lineWidth = LINE_PX;
    context.stroke();
  }
  if (drag?.kind === "mark" && drag.to) {
    drawPoint(context, place.left + drag.to[0] * place.width, place.top + drag.to[1] * place.height, true, color, CHOSEN_PX);
  }
  if (drag?.kind === "brush") drawPath(context, place, drag.path, color, 2 * brush * place.width, 0.5);
  else if (corners.length) drawPath(context, place, corners, color, LINE_PX, 1);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {Point[]} path
 * @param {string} color
 * @param {number} width  CSS pixels
 * @param {number} alpha
 */
function drawPath(context, place, path, color, width, alpha) {
  context.beginPath();
  path.forEach(([x, y]) => context.lineTo(place.left + x * place.width, place.top + y * place.height));
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = color;
  context.globalAlpha = alpha;
  context.stroke();
  context.globalAlpha = 1;
}

/** A cross over the whole picture, seen on any ground. @param {CanvasRenderingContext2D} context @param {Place} place @param {Point} at */
export function drawCrossHair(context, place, at) {
  const [x, y] = [place.left + at[0] * place.width, place.top + at[1] * place.height];
  for (const [color, width] of /** @type {[string, number][]} */ ([["#000000", 3], ["#ffffff", 1]])) {
    context.beginPath();
    context.moveTo(place.left, y);
    context.lineTo(place.left + place.width, y);
    context.moveTo(x, place.top);
    context.lineTo(x, place.top + place.height);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }
}

/** The box between two corners, inside the frame. @param {Point} from @param {Point} to @returns {Box} */
export function ordered(from, to) {
  const inside = (/** @type {number} */ value) => Math.min(Math.max(value, 0), 1);
  return [
    inside(Math.min(from[0], to[0])), inside(Math.min(from[1], to[1])),
    inside(Math.max(from[0], to[0])), inside(Math.max(from[1], to[1])),
  ];
}
