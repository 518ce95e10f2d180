// The objects: selects, adds, renames, colours, hides, locks and forgets them.

import { html } from "../vendor/htm-preact.js";
import { FindingForm } from "./finding.js";
import { LookedObjects, Whose } from "./looking.js";
import { VerdictFields } from "./verdict.js";

/** @typedef {{state: import("../state/state.js").State, parts: import("../types.js").Parts}} Props */
/** @typedef {import("../state/state.js").ObjectState} ObjectState */

/** @param {Props} props */
export function ObjectList({ state, parts }) {
  const { store, prompts } = parts;
  if (state.looked) return html`<${LookedObjects} state=${state} parts=${parts} />`;
  return html`
    <aside class="objects" aria-label="Objects">
      <${Whose} state=${state} parts=${parts} />
      ${state.note && html`
        <p class="objection" role="note">
          <span>${state.note}</span>
          <button aria-label="Close the note" onClick=${() => store.act("closeNote", undefined)}>×</button>
        </p>`}
      ${state.objections.map(({ verdict, comment }) => html`
        <p class="objection" role="note">${verdict === "redo" ? "Sent back to you" : "Rejected"}${comment ? `: ${comment}` : ""}</p>`)}
      <ul>
        ${state.objects.map((object, index) => html`
          <${ObjectItem} key=${object.id} object=${object} index=${index} state=${state} parts=${parts} />`)}
      </ul>
      <div class="add">
        ${state.labels.map(({ name }) => html`
          <button title=${`Add an object of ${name}`} onClick=${() => store.act("addObject", name)}>+ ${name}</button>`)}
        ${state.prompts.length > 0 && html`
          <button title="Forget the prompts and masks of all objects" onClick=${() => prompts.forget(null)}>Forget all</button>`}
      </div>
      <${FindingForm} state=${state} parts=${parts} />
      ${state.verdicts && html`<div class="task">Whole task: <${VerdictFields} state=${state} parts=${parts} object=${null} /></div>`}
      ${state.model.notice && html`<p class="model">${state.model.notice}</p>`}
    </aside>`;
}

/** @param {Props & {object: ObjectState, index: number}} props */
function ObjectItem({ object, index, state, parts }) {
  const { store, prompts } = parts;
  const { id, label, color, visible, locked } = object;
  const change = (/** @type {Partial<ObjectState>} */ values) => store.act("changeObject", { id, ...values });
  const isSelected = id === state.selected;
  return html`
    <li class=${isSelected ? "selected" : ""} onClick=${() => store.act("select", id)}>
      <input type="color" value=${color} aria-label=${`Colour of ${id}`}
        onInput=${(/** @type {InputEvent} */ event) => change({ color: valueOf(event) })} />
      <button class="name" aria-pressed=${isSelected} title=${index < 9 ? `Select (${index + 1})` : "Select"}>
        ${index < 9 && html`<kbd>${index + 1}</kbd>`} ${id}</button>
      <select aria-label=${`Label of ${id}`} value=${label}
        onChange=${(/** @type {Event} */ event) => prompts.rename(id, valueOf(event))}>
        ${state.labels.map(({ name }) => html`<option value=${name}>${name}</option>`)}
      </select>
      <button aria-label=${`${visible ? "Hide" : "Show"} ${id}`} aria-pressed=${!visible}
        onClick=${() => change({ visible: !visible })}>${visible ? "hide" : "show"}</button>
      <button aria-label=${`${locked ? "Unlock" : "Lock"} ${id}`} aria-pressed=${locked}
        title=${locked ? "Prompts and propagations change it again" : "No prompt and no propagation changes it"}
        onClick=${() => change({ locked: !locked })}>${locked ? "unlock" : "lock"}</button>
      <button aria-label=${`Forget ${id}`} title="Forget its prompts and masks"
        onClick=${(/** @type {Event} */ event) => { event.stopPropagation(); prompts.forget(id); }}>×</button>
      ${isSelected && html`<${VerdictFields} state=${state} parts=${parts} object=${id} />`}
    </li>`;
}

/** @param {Event} event @returns {string} */
function valueOf({ target }) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (target).value;
}
