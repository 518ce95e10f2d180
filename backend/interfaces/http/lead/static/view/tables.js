// Tables: counts per video and label, people, queues.

import { html } from "../../../player/static/vendor/htm-preact.js";
import { Reading } from "./reading.js";
import { duration, interval, number, person, title } from "./words.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */
/** @typedef {import("../types.js").Person} Person */

/** @param {{heads: string[], rows: unknown[][], caption: unknown, texts?: number}} props  texts: how many columns are text */
function Table({ heads, rows, caption, texts = 1 }) {
  return html`
    <div class="table"><table>
      <caption>${caption}</caption>
      <thead><tr>${heads.map((head, place) => html`<th scope="col" class=${place < texts ? "" : "number"}>${head}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`
        <tr>${row.map((cell, place) => (place === 0
          ? html`<th scope="row">${cell}</th>`
          : html`<td class=${place < texts ? "" : "number"}>${cell}</td>`))}</tr>`)}</tbody>
    </table></div>`;
}

/** @param {Props} props */
export function Labels({ state, parts }) {
  const { labels, place } = state;
  if (!labels) return html`<p class="empty">Counting…</p>`;
  const heads = ["video", "label", "objects", "people", "clicks", "human frames", "frames with masks", "uncertainty"];
  /** @type {Map<string, number[]>} */
  const sums = new Map();
  for (const each of labels) {
    const sum = sums.get(each.label) ?? [0, 0, 0, 0];
    sums.set(each.label, [sum[0] + 1, sum[1] + each.objects, sum[2] + each.human_frames, sum[3] + each.frames]);
  }
  const link = (/** @type {import("../types.js").LabelRow} */ row) => html`
    <a href=${`/player?project=${place.project}&task=${row.task}`} target="_blank" rel="noopener">${title(row)}</a>`;
  return html`
    <${Table} caption="Labels of the project" heads=${["label", "videos", "objects", "human frames", "frames with masks"]}
      rows=${[...sums].map(([label, sum]) => [label, ...sum])} />
    <${Table} texts=${2} heads=${heads} caption=${html`Labels of each video <a href=${parts.transport.csv(place.project, "labels")} download>CSV</a>`}
      rows=${labels.map((row) => [
        link(row), row.label, row.objects, row.people, row.clicks, row.human_frames, row.frames, number(row.uncertainty)])} />`;
}

/** @param {Props} props */
export function People({ state, parts }) {
  const { people, place } = state;
  if (!people) return html`<${Reading} state=${state} />`;
  const heads = [
    "person", "videos", "objects", "clicks", "clicks a clicked frame", "edited frames", "frames", "active time",
    "seconds a frame", "agreement", "gold", "trust", "trust before",
  ];
  return html`
    ${people.is_measuring && html`<p class="notice" role="status">Measuring agreement and trust…</p>`}
    ${!people.is_effort_recorded && html`<p class="notice">Effort is switched off: MASKLET_EFFORT=false.</p>`}
    <${Table} heads=${heads} caption=${html`People; shares with their 95 % intervals <a href=${parts.transport.csv(place.project, "people")} download>CSV</a>`}
      rows=${people.people.map(row)} />
    <${Sizes} people=${people.people} />`;
}

/** @param {Person} each */
function row(each) {
  const { effort } = each;
  return [
    person(each.user), effort?.tasks ?? "–", effort?.objects ?? "–", effort?.clicks ?? "–",
    number(effort?.clicks_per_clicked_frame), effort?.edited_frames ?? "–", effort?.frames ?? "–",
    effort?.active_s ? duration(effort.active_s) : "–", number(effort?.seconds_per_frame, 1),
    interval(each.agreement), interval(each.gold), interval(each.trust),
    each.trust_over_time.slice(-4, -1).map(({ trust }) => number(trust.mean)).join(" → ") || "–",
  ];
}

/** @param {{people: Person[]}} props */
function Sizes({ people }) {
  const heads = ["person", "phase", "object size", "objects", "clicks a clicked frame", "edited share", "active time", "seconds a frame"];
  const rows = people.flatMap(({ user, sizes }) => sizes.map((each) => [
    person(user), each.phase, each.size, each.objects, number(each.clicks_per_clicked_frame),
    number(each.edited_share), each.active_s ? duration(each.active_s) : "–", number(each.seconds_per_frame, 1)]));
  if (!rows.length) return null;
  return html`<${Table} heads=${heads} texts=${3} rows=${rows}
    caption="Effort by object size: small below 32² pixels, medium below 96², unknown without masks" />`;
}

/** @param {Props} props */
export function Queues({ state, parts }) {
  const { queues, place } = state;
  if (!queues) return html`<${Reading} state=${state} />`;
  if (!queues.length) return html`<p class="empty">The project is of no crowd.</p>`;
  const heads = ["stage", "project", "waiting", "done", "oldest waits", "an hour", "stuck"];
  return html`<${Table} heads=${heads} caption=${html`Queues of the crowd <a href=${parts.transport.csv(place.project, "queues")} download>CSV</a>`}
    rows=${queues.map((each) => [
      each.stage, each.project, each.waiting, each.done, duration(each.oldest_s), number(each.per_hour, 1),
      each.stuck.join(" ") || "–"])} />`;
}
