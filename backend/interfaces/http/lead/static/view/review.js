// The most uncertain tasks, the audits, and the exports.

import { html } from "../../../player/static/vendor/htm-preact.js";
import { ended } from "../../../player/static/view/sentences.js";
import { Reading } from "./reading.js";
import { counted, number, size, title } from "./words.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */

/** @param {Props} props */
export function Review({ state }) {
  const { review, place } = state;
  if (!review) return html`<${Reading} state=${state} />`;
  return html`
    <section aria-label="Uncertainty">
      <h2>Audits</h2>
      ${review.audits.length === 0 && html`<p>No audit frame has been corrected yet. <code>masklet next ${place.project} --into CORRECTIONS</code> makes them.</p>`}
      <ul>${review.audits.map((each) => html`<li><b>${each.model}</b>: ${ended(each.sentence)}</li>`)}</ul>
      <h2>Most uncertain</h2>
      ${review.unread > 0 && html`<p>${counted(review.unread, "propagation")} still to be read…</p>`}
      <ol>${review.uncertain.map((task) => html`
        <li>
          <meter min="0" max="1" low="0.3" high="0.6" optimum="0" value=${task.uncertainty ?? 0}></meter> <b>${number(task.uncertainty)}</b>${" "}
          <a href=${task.player} target="_blank" rel="noopener">${title(task)}</a>${task.worst_frame !== null && `, frame ${task.worst_frame + 1}`}${" "}
          <a href=${`/api/lead/tasks/${place.project}/${task.task}/report`} target="_blank" rel="noopener"
            aria-label=${`Report on ${title(task)}`}>report</a>
        </li>`)}</ol>
    </section>`;
}

/** @param {Props} props */
export function Exports({ state, parts }) {
  const { exports } = state;
  if (!exports) return html`<${Reading} state=${state} />`;
  return html`
    <section aria-label="Exports">
      <p><button onClick=${() => parts.store.set({ dialog: "export" })}>Export the whole project…</button></p>
      ${exports.exports.length === 0 && html`<p class="empty">Nothing was exported from this page yet.</p>`}
      <ul class="exports">${exports.exports.map((each) => html`
        <li>
          <b>${each.format}</b>, ${each.tasks ? counted(each.tasks, "video") : "the whole project"}: ${each.state}.${" "}
          ${each.address && html`<a href=${each.address} download>Download (${size(each.bytes)})</a>`}${" "}
          <button onClick=${() => parts.work.removeExport(each.id)} aria-label=${`Remove export ${each.id}`}>
            ${each.state === "running" ? "Cancel" : "Remove"}</button>
          <p class=${each.state === "failed" ? "bad" : ""}>${each.detail}</p>
          <code>${each.command}</code>
        </li>`)}</ul>
    </section>`;
}
