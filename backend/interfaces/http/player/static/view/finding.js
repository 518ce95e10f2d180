// The field in which a text says which objects to find on the open frame.

import { html, useState } from "../vendor/htm-preact.js";

const MOST_CHARS = 100;

/** @param {{state: import("../state/state.js").State, parts: import("../types.js").Parts}} props */
export function FindingForm({ state, parts }) {
  const [text, setText] = useState("");
  const find = (/** @type {Event} */ event) => {
    event.preventDefault();
    void parts.finding.find(text);
  };
  const leave = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") parts.stage.canvas.focus();
  };
  return html`
    <form class="finding" role="search" onSubmit=${find}>
      <input type="text" value=${text} maxlength=${MOST_CHARS} placeholder="red car" aria-label="Find objects by a text"
        title="What to find on this frame, in a few words (/)" onKeyDown=${leave}
        onInput=${(/** @type {Event} */ { target }) => setText(/** @type {HTMLInputElement} */ (target).value)} />
      <button disabled=${state.finding || !text.trim()}>${state.finding ? "Finding…" : "Find"}</button>
    </form>`;
}
