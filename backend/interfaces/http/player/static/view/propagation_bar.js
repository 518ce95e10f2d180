// Starts propagations and shows the one under way.

import { html, useState } from "../vendor/htm-preact.js";
import { UNCERTAIN_FROM } from "../actions/propagation.js";
import { isPropagating } from "../state/state.js";
import { LookingNote } from "./looking.js";

/** @typedef {{state: import("../state/state.js").State, parts: import("../types.js").Parts}} Props */

const MOST_FRAMES = 9999;

/** @param {Props} props */
export function PropagationBar({ state, parts }) {
  const { propagation, store } = parts;
  const [count, setCount] = useState(15);
  if (state.looked) {
    return html`
      <${LookingNote} state=${state} parts=${parts}>
        ${isPropagating(state) && html`<span>Your propagation:</span>`}<${Progress} state=${state} parts=${parts} />
      <//>`;
  }
  return html`
    <div class="propagation" role="group" aria-label="Carry the masks on">
      <button title="To the start (both ways: G)" onClick=${() => propagation.start("backward", null)}>◀◀ start</button>
      <button title="Back (R: 15 frames)" onClick=${() => propagation.start("backward", count)}>◀ ${count}</button>
      <input type="number" min="1" max=${MOST_FRAMES} value=${count} aria-label="Frames to carry"
        onInput=${(/** @type {InputEvent} */ event) => setCount(frames(event, 1))} />
      <button class="strong" title="On (F: 15 frames)" onClick=${() => propagation.start("forward", count)}>${count} ▶</button>
      <button class="strong" title="To the end (Shift+F)" onClick=${() => propagation.start("forward", null)}>
        end ▶▶</button>
      <button title="Both ways (G)" onClick=${() => propagation.start("both", null)}>◀ all ▶</button>
      <button title="On, until a mask is uncertain (U)"
        onClick=${() => propagation.start("forward", null, UNCERTAIN_FROM)}>until uncertain</button>
      <label title="Frames left out before each one that gets masks">
        skip <input type="number" min="0" max=${MOST_FRAMES} value=${state.skip}
          onInput=${(/** @type {InputEvent} */ event) => store.act("set", { skip: frames(event, 0) })} />
      </label>
      <label title="Carry the selected object alone (K)">
        <input type="checkbox" checked=${state.onlySelected}
          onChange=${() => store.act("set", { onlySelected: !state.onlySelected })} />
        only ${state.selected || "the selected object"}
      </label>
      <${Progress} state=${state} parts=${parts} />
    </div>`;
}

/** The whole number in a field, at least `least`. @param {InputEvent} event @param {number} least @returns {number} */
function frames({ target }, least) {
  const typed = Math.round(Number(/** @type {HTMLInputElement} */ (target).value));
  return Math.min(Math.max(least, typed || least), MOST_FRAMES);
}

/** @param {Props} props */
function Progress({ state, parts }) {
  const { job } = state;
  if (!job || !isPropagating(state)) return state.busy > 0 ? html`<span class="progress">working…</span>` : null;
  const leftS = job.frames_per_s ? (job.total - job.done) / job.frames_per_s : null;
  return html`
    <progress max=${job.total || 1} value=${job.done} aria-label="Frames made"></progress>
    <span class="progress">${job.state === "queued" ? "waiting for a worker" : `${job.done} of ${job.total}`}
      ${job.frames_per_s ? ` · ${job.frames_per_s.toFixed(1)} frames/s` : ""}
      ${leftS === null ? "" : ` · ${duration(leftS)} left`}</span>
    <button class="stop" title="Stop; what is made stays (S)" onClick=${() => parts.propagation.stop()}>■ Stop</button>`;
}

/** @param {number} seconds @returns {string} */
function duration(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
