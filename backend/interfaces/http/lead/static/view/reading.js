// What stands in the place of a view that is not read yet. A view that could not be read has a message instead.

import { html } from "../../../player/static/vendor/htm-preact.js";

/** @param {{state: import("../types.js").State}} props */
export function Reading({ state }) {
  return state.loading && html`<p class="empty">Reading…</p>`;
}
