// Trainings: start, progress, results, and the model in use.

import { html } from "../../../player/static/vendor/htm-preact.js";
import { ended } from "../../../player/static/view/sentences.js";
import { isOpen } from "../actions/loading.js";
import { Reading } from "./reading.js";
import { counted, number } from "./words.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */
/** @typedef {import("../types_training.js").Training} Training */

/** @param {Props} props */
export function TrainingView({ state, parts }) {
  const { training } = state;
  if (!training) return html`<${Reading} state=${state} />`;
  const open = training.trainings.some(isOpen);
  return html`
    <section aria-label="Training">
      <p>A training makes the model better on this project: it learns from the frames that people corrected and from
        the objects with the verdict satisfactory, and is measured on videos that it did not see.</p>
      ${open ? null : html`<${Start} state=${state} parts=${parts} />`}
      <${InUse} state=${state} parts=${parts} />
      ${training.trainings.length === 0 && html`<p class="empty">Nothing was trained on this project yet.</p>`}
      <ul class="exports">${training.trainings.map((each) => html`
        <${One} key=${each.name} each=${each} workers=${training.workers} parts=${parts} busy=${state.busy > 0} />`)}</ul>
    </section>`;
}

/** @param {Props} props */
function Start({ state, parts }) {
  const { training } = state;
  if (!training) return null;
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    void parts.training.start({
      minutes: Number(fields.get("minutes")), what: String(fields.get("what")),
      activate_if_better: fields.get("activate") !== null,
    });
  };
  return html`
    <form class="bar" onSubmit=${submit}>
      <label>Minutes <input type="number" name="minutes" min="1" max="10080" step="any" required value=${training.minutes} /></label>
      <label>Train <select name="what" value=${training.what}>
        <option value="decoder">the mask decoder</option>
        <option value="memory">the memory too</option>
        <option value="all">the whole model</option>
      </select></label>
      <label><input type="checkbox" name="activate" /> use it at once if it is better</label>
      <button class="strong" disabled=${state.busy > 0}>Start training</button>
    </form>`;
}

/** @param {Props} props */
function InUse({ state, parts }) {
  const { training } = state;
  if (!training) return null;
  if (training.setting !== "auto") {
    return html`<p>MASKLET_MODEL=${training.setting} names the model in use; checkpoints cannot be activated here.</p>`;
  }
  if (!training.active) return html`<p>No trained checkpoint is in use.</p>`;
  return html`
    <p>In use: <b>${training.active}</b>${" "}
      <button disabled=${state.busy > 0} onClick=${() => parts.training.rollBack()}>Go back to the model before</button></p>`;
}

/** @param {{each: Training, workers: number | null, parts: import("../types.js").Parts, busy: boolean}} props */
function One({ each, workers, parts, busy }) {
  return html`
    <li data-training=${each.name}>
      <b>${each.name}</b>: ${each.is_ending ? "ending" : each.state}; ${each.minutes} min on ${each.base}, ${each.what}${each.user ? `, asked for by ${each.user}` : ""}.${" "}
      ${each.report && html`<a href=${each.report} target="_blank" rel="noopener" aria-label=${`Report on ${each.name}`}>Report</a>`}${" "}
      ${isOpen(each) && !each.is_ending && html`<button class="stop" disabled=${busy} aria-label=${`Cancel ${each.name}`}
        onClick=${() => parts.training.cancel(each.name)}>Cancel</button>`}
      ${each.checkpoint && each.is_here && !each.is_active && html`<button disabled=${busy} aria-label=${`Use ${each.name}`}
        onClick=${() => parts.training.use(each.name)}>Use this checkpoint</button>`}
      ${each.is_active && html`<b>In use.</b>`}
      ${isOpen(each) && html`<${Progress} each=${each} workers=${workers} />`}
      <${Result} each=${each} />
      ${each.frames > 0 && html`<p>${counted(each.frames, "frame")} of ${counted(each.videos, "video")}${each.people.length ? `, by ${each.people.join(", ")}` : ""}.</p>`}
      ${each.left_out.length > 0 && html`
        <details><summary>${counted(each.left_out.length, "video")} left out</summary>
          <ul>${each.left_out.map((video) => html`<li>${video.name || `task ${video.task}`}: ${ended(video.reason)}</li>`)}</ul>
        </details>`}
    </li>`;
}

/** @param {{each: Training, workers: number | null}} props */
function Progress({ each, workers }) {
  const figures = Object.entries(each.figures).map(([name, value]) => `${name} ${number(value, 3)}`).join(", ");
  return html`
    <p><progress max="1" value=${each.share} aria-label=${`Progress of ${each.name}`}></progress>${" "}
      ${`${Math.round(each.share * 100)} %, ${each.phase}${figures && `; ${figures}`}`}</p>
    ${each.state === "queued" && workers === 0 && html`
      <p>No train worker runs yet. masklet up starts one by itself; elsewhere: <code>masklet worker train</code></p>`}`;
}

/** @param {{each: Training}} props */
function Result({ each }) {
  const { gain } = each;
  if (!gain) return each.reason ? html`<p class=${each.state === "failed" ? "bad" : ""}>${ended(each.reason)}</p>` : null;
  const { before, after } = gain;
  const figures = [
    `J&F ${number(before.j_and_f)} → ${number(after.j_and_f)} (gain ${signed(gain.mean)}, 95 % ${signed(gain.low)} to ${signed(gain.high)})`,
    `clicks until IoU 0.85: ${number(before.clicks, 1)} → ${number(after.clicks, 1)}`,
    `on the general set ${number(before.general_j)} → ${number(after.general_j)}`,
  ];
  return html`
    <p>${each.is_better ? html`<b>Better.</b>` : "Not better beyond doubt."} ${`${figures.join("; ")}.`}</p>
    <p>${`${ended(each.reason)} ${each.note}`}</p>`;
}

/** @param {number} value */
function signed(value) {
  return `${value < 0 ? "" : "+"}${value.toFixed(3)}`;
}
