// Whose masks are shown: the choice, and what stands in place of the own objects and propagations meanwhile.

import { html } from "../vendor/htm-preact.js";
import { nameOf } from "../state/shown.js";

/** @typedef {{state: import("../state/state.js").State, parts: import("../types.js").Parts}} Props */
/** @typedef {import("../state/state.js").ObjectState} ObjectState */

/** The choice of a person; nothing while there is no other. @param {Props} props */
export function Whose({ state, parts }) {
  const { people, looked } = state;
  if (!people.length && !looked) return null;
  // Who has no prompts left is still the one whose masks are shown.
  const listed = looked && !people.includes(looked.user) ? [...people, looked.user] : people;
  const choose = (/** @type {Event} */ event) => {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    if (select.selectedIndex) parts.looking.look(listed[select.selectedIndex - 1]);
    else parts.looking.back();
    // Keys are the video's again, and a choice that was refused does not stay.
    parts.stage.canvas.focus({ preventScroll: true });
    const now = parts.store.state.looked;
    select.selectedIndex = now ? listed.indexOf(now.user) + 1 : 0;
  };
  return html`
    <label class="whose" title="Whose masks are shown (J: the next person's, Y: yours)">Masks
      <select aria-label="Whose masks" onChange=${choose}>
        <option selected=${!looked}>mine</option>
        ${listed.map((user) => html`<option selected=${looked?.user === user}>${nameOf(user)}</option>`)}
      </select>
    </label>`;
}

/** The objects of another person: they are selected, coloured and hidden here, and nowhere else. @param {Props} props */
export function LookedObjects({ state, parts }) {
  return html`
    <aside class="objects" aria-label=${`Objects of ${nameOf(state.looked?.user ?? "")}`}>
      <${Whose} state=${state} parts=${parts} />
      <ul>
        ${state.objects.map((object, index) => html`
          <${LookedObject} key=${object.id} object=${object} index=${index} state=${state} parts=${parts} />`)}
      </ul>
    </aside>`;
}

/** @param {Props & {object: ObjectState, index: number}} props */
function LookedObject({ object, index, state, parts }) {
  const { id, color, visible } = object;
  const { store } = parts;
  const isSelected = id === state.selected;
  const recolor = (/** @type {InputEvent} */ { target }) =>
    store.act("changeObject", { id, color: /** @type {HTMLInputElement} */ (target).value });
  return html`
    <li class=${isSelected ? "looked selected" : "looked"} onClick=${() => store.act("select", id)}>
      <input type="color" value=${color} aria-label=${`Colour of ${id}`} onInput=${recolor} />
      <button class="name" aria-pressed=${isSelected} title=${index < 9 ? `Select (${index + 1})` : "Select"}>
        ${index < 9 && html`<kbd>${index + 1}</kbd>`} ${id}</button>
      <button aria-label=${`${visible ? "Hide" : "Show"} ${id}`} aria-pressed=${!visible}
        onClick=${() => store.act("changeObject", { id, visible: !visible })}>${visible ? "hide" : "show"}</button>
    </li>`;
}

/** Says whose masks are shown, and the way back. @param {Props & {children: unknown}} props */
export function LookingNote({ state, parts, children }) {
  const back = () => {
    parts.looking.back();
    parts.stage.canvas.focus({ preventScroll: true });
  };
  return html`
    <div class="looking">
      <strong>Masks of ${nameOf(state.looked?.user ?? "")}, to look at only.</strong>
      <button class="strong" title="Your own masks (Y)" onClick=${back}>Back to mine</button>
      ${children}
    </div>`;
}
