// A verdict on an object's masks or on the whole task, with a comment.

import { html } from "../vendor/htm-preact.js";
import { verdictOf } from "../state/state.js";

/** @typedef {import("../types.js").VerdictName} VerdictName */
/** @typedef {{state: import("../state/state.js").State, parts: import("../types.js").Parts, object: string | null}} Props */

/** @type {VerdictName[]} */
const NAMES = ["satisfactory", "redo", "reject", "skipped"];

/** @param {Props} props  object null: the whole task */
export function VerdictFields({ state, parts, object }) {
  if (!state.verdicts) return null;
  const given = verdictOf(state, object);
  const what = object ?? "the whole task";
  const choose = (/** @type {Event} */ { target }) => {
    const { value } = /** @type {HTMLSelectElement} */ (target);
    const name = NAMES.find((each) => each === value) ?? null;
    parts.review.judge(object, name, given?.comment ?? "");
  };
  const comment = (/** @type {Event} */ { target }) => {
    if (given) parts.review.judge(object, given.verdict, /** @type {HTMLInputElement} */ (target).value);
  };
  return html`
    <span class="verdict">
      <select aria-label=${`Verdict on ${what}`} value=${given?.verdict ?? ""} onChange=${choose}>
        <option value="">no verdict</option>
        ${NAMES.map((name) => html`<option value=${name}>${name}</option>`)}
      </select>
      ${given && html`<input type="text" placeholder="comment" aria-label=${`Comment on ${what}`} value=${given.comment}
        onChange=${comment} />`}
      ${given?.is_outdated && html`<span class="outdated">The masks have changed since.</span>`}
    </span>`;
}
