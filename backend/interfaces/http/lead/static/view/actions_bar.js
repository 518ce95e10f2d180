// What can be done with the selected tasks, and how far the ordered propagations are.

import { html } from "../../../player/static/vendor/htm-preact.js";
import { ended } from "../../../player/static/view/sentences.js";
import { counted, person } from "./words.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */

/** @param {Props} props */
export function ActionsBar({ state, parts }) {
  const { selected, list, busy } = state;
  const { work, store } = parts;
  const none = selected.length === 0 || busy > 0;
  const lacking = list?.counts.needing_masks ?? 0;
  return html`
    <div class="bar" role="toolbar" aria-label="Selected videos">
      <span class="count" role="status">${selected.length ? `${selected.length} selected` : "none selected"}</span>
      <button title="Select all that meet the filter (Ctrl+A)" disabled=${!list?.total} onClick=${() => work.selectAll()}>
        Select all ${list?.total ?? ""}</button>
      <button title="Select none (Esc)" disabled=${!selected.length} onClick=${() => store.set({ selected: [] })}>None</button>
      <button class="strong" title="The masks are right (A)" disabled=${none} onClick=${() => work.judge("satisfactory")}>
        Accept</button>
      <button title="To be redone, with a comment (R)" disabled=${none} onClick=${() => store.set({ dialog: "send back" })}>
        Send back…</button>
      <button title="Take your verdict back (U)" disabled=${none} onClick=${() => work.judge(null)}>Take back</button>
      <button title="Propagate the prompts of the selected (P)" disabled=${none} onClick=${() => work.process()}>Process</button>
      <button title="Export the selected, or all (E)" disabled=${busy > 0} onClick=${() => store.set({ dialog: "export" })}>
        Export…</button>
      <button title="Propagate all prompts without masks" disabled=${!lacking || busy > 0} onClick=${() => work.processAll()}>
        Process all ${lacking || ""}</button>
    </div>`;
}

/** @param {Props} props */
export function ProgressBar({ state, parts }) {
  const { progress } = state;
  if (!progress?.orders) return null;
  const { orders, finished, running, waiting, cancelled, failures } = progress;
  const others = [
    running && `${running} running`, waiting && `${waiting} waiting`, cancelled && `${cancelled} cancelled`,
    failures.length && `${failures.length} failed`,
  ].filter(Boolean);
  return html`
    <div class="progress">
      <progress max="1" value=${progress.share} aria-label="Ordered propagations"></progress>
      <span role="status">${finished} of ${counted(orders, "propagation")} done${others.length ? `, ${others.join(", ")}` : ""}</span>
      ${progress.is_open && html`<button class="stop" onClick=${() => parts.work.cancel()}>Cancel</button>`}
      ${failures.length > 0 && html`
        <details>
          <summary>Why</summary>
          <ul>${failures.map((each) => html`<li>Task ${each.task}, ${person(each.user)}: ${ended(each.reason)}</li>`)}</ul>
        </details>`}
    </div>`;
}
