// A worker: paints masks outside the page's own thread.

import { paint } from "./mask_paint.js";

// The DOM's types know this side of a worker by the same two members as the other.
const page = /** @type {Worker} */ (/** @type {unknown} */ (self));

page.onmessage = (/** @type {MessageEvent<{id: number, masks: import("./mask_paint.js").ColoredMask[]}>} */ { data }) => {
  try {
    const bitmap = paint(data.masks).transferToImageBitmap();
    page.postMessage({ id: data.id, bitmap }, [bitmap]);
  } catch (error) {
    page.postMessage({ id: data.id, problem: String(error) });
  }
};
