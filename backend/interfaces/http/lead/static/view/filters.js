// The filter and the order of the tasks.

import { html } from "../../../player/static/vendor/htm-preact.js";
import { addressOf, NOWHERE, ORDERS, STATES, VERDICTS } from "../state/address.js";
import { person } from "./words.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */

/** @type {Record<string, string>} */
const ORDER_NAMES = {
  number: "by number", name: "by name", uncertainty: "most uncertain first", agreement: "least agreement first",
  newest: "newest work first",
};
/** @type {Record<string, string>} */
const VERDICT_NAMES = {
  satisfactory: "accepted", redo: "sent back", reject: "rejected", skipped: "skipped", outdated: "changed since",
  none: "no verdict",
};

/** In narrow windows the filter opens on demand: it would fill the first screen. */
const WIDE = matchMedia("(min-width: 701px)");

/** @param {Event} event */
function valueOf({ target }) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (target).value;
}

/** @param {Props} props */
export function Filters({ state, parts }) {
  const { place, list } = state;
  const { loading } = parts;
  const counts = list?.counts;
  const isFiltered = addressOf({ ...place, page: 1 }) !== addressOf({ ...NOWHERE, project: place.project, order: place.order });
  return html`
    <details class="filter" open=${isFiltered || WIDE.matches}><summary>Filter</summary>
    <form class="filters" role="search" aria-label="Filter" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <input id="text" type="search" placeholder="Name or number (/)" aria-label="Name or number" value=${place.text}
        onChange=${(/** @type {Event} */ event) => loading.filter({ text: valueOf(event).trim() })} />
      <${Choices} legend="State" names=${STATES} chosen=${place.state} counts=${counts?.states ?? {}}
        choose=${(/** @type {import("../types.js").TaskState[]} */ chosen) => loading.filter({ state: chosen })} />
      <${Choices} legend="Verdict" names=${VERDICTS} words=${VERDICT_NAMES} chosen=${place.verdict} counts=${counts?.verdicts ?? {}}
        choose=${(/** @type {import("../types.js").VerdictState[]} */ chosen) => loading.filter({ verdict: chosen })} />
      <label>Label
        <select value=${place.label} onChange=${(/** @type {Event} */ event) => loading.filter({ label: valueOf(event) })}>
          <option value="">all</option>
          ${named(counts?.labels, place.label).map(([name, count]) => html`<option value=${name}>${name} (${count})</option>`)}
        </select>
      </label>
      <label>Person
        <select value=${place.person === null ? "*" : `=${place.person}`}
          onChange=${(/** @type {Event} */ event) => loading.filter({ person: valueOf(event) === "*" ? null : valueOf(event).slice(1) })}>
          <option value="*">all</option>
          ${named(counts?.people, place.person).map(([name, count]) => html`
            <option value=${`=${name}`}>${person(name)} (${count})</option>`)}
        </select>
      </label>
      <label>Uncertainty from
        <input type="number" min="0" max="1" step="0.05" value=${place.uncertainty_from}
          onChange=${(/** @type {Event} */ event) => loading.filter({ uncertainty_from: valueOf(event) })} />
      </label>
      <label>Agreement to
        <input type="number" min="0" max="1" step="0.05" value=${place.agreement_to}
          onChange=${(/** @type {Event} */ event) => loading.filter({ agreement_to: valueOf(event) })} />
      </label>
      <label>Order
        <select value=${place.order} onChange=${(/** @type {Event} */ event) => loading.filter({ order: valueOf(event) })}>
          ${ORDERS.map((each) => html`<option value=${each}>${ORDER_NAMES[each]}</option>`)}
        </select>
      </label>
      ${isFiltered && html`
        <button type="button" onClick=${() => loading.go({ ...NOWHERE, project: place.project, order: place.order })}>
          Clear the filter</button>`}
    </form></details>`;
}

/**
 * The names to choose from, the chosen one too.
 * @param {Record<string, number> | undefined} counts
 * @param {string | null} chosen
 * @returns {[string, number][]}
 */
function named(counts, chosen) {
  const entries = Object.entries(counts ?? {});
  return chosen && !entries.some(([name]) => name === chosen) ? [...entries, [chosen, 0]] : entries;
}

/**
 * @param {object} props
 * @param {string} props.legend
 * @param {string[]} props.names
 * @param {Record<string, string>} [props.words]
 * @param {string[]} props.chosen
 * @param {Record<string, number>} props.counts
 * @param {(chosen: string[]) => void} props.choose
 */
function Choices({ legend, names, words = {}, chosen, counts, choose }) {
  const toggle = (/** @type {string} */ name) =>
    choose(chosen.includes(name) ? chosen.filter((each) => each !== name) : names.filter((each) => each === name || chosen.includes(each)));
  return html`
    <fieldset>
      <legend>${legend}</legend>
      ${names.map((name) => html`
        <button type="button" aria-pressed=${chosen.includes(name)} onClick=${() => toggle(name)}>
          ${words[name] ?? name} <small>${counts[name] ?? 0}</small></button>`)}
    </fieldset>`;
}
