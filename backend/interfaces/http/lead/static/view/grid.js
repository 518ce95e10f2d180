// The tasks as cards with thumbnails, and their pages.

import { html, useEffect, useRef, useState } from "../../../player/static/vendor/htm-preact.js";
import { ended } from "../../../player/static/view/sentences.js";
import { PAGE_SIZE } from "../state/address.js";
import { Reading } from "./reading.js";
import { counted, number, person, title } from "./words.js";

/** @typedef {import("../types.js").TaskEntry} TaskEntry */
/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */

/** @param {Props} props */
export function Grid({ state, parts }) {
  const { list, place } = state;
  if (!list) return html`<${Reading} state=${state} />`;
  return html`
    <section aria-label="Videos">
      <${Summary} state=${state} parts=${parts} />
      ${list.tasks.length === 0 && html`<p class="empty">${emptyList(list)}</p>`}
      <ul class="grid">
        ${list.tasks.map((task) => html`
          <${Card} key=${task.task} task=${task} project=${place.project} parts=${parts} isSelected=${state.selected.includes(task.task)} />`)}
      </ul>
      <${Pages} state=${state} parts=${parts} />
    </section>`;
}

/** Why there is no task to show. @param {import("../types.js").TaskList} list */
function emptyList({ of, is_listed: isListed }) {
  if (of) return "No video meets the filter.";
  return isListed ? "The project has no tasks yet." : "Label Studio's tasks are being read…";
}

/** @param {Props} props */
function Summary({ state, parts }) {
  const { list, place } = state;
  if (!list) return null;
  const reading = [
    list.unread ? `${counted(list.unread, "propagation")} still to be read` : "",
    list.is_listed ? "" : "Label Studio's list of tasks is being read",
    list.is_measuring ? "measuring agreement" : "",
  ].filter(Boolean);
  return html`
    <p class="summary">
      <strong>${counted(list.total, "video")}</strong>${list.total === list.of ? "" : ` of ${list.of}`}${reading.length ? `; ${reading.join("; ")}…` : ""}
      <a href=${parts.transport.csv(place.project, "tasks", new URLSearchParams(location.search))} download>CSV</a>
    </p>`;
}

/** @param {{task: TaskEntry, project: number, parts: import("../types.js").Parts, isSelected: boolean}} props */
function Card({ task, project, parts, isSelected }) {
  const name = title(task);
  return html`
    <li class=${`card ${isSelected ? "selected" : ""}`} data-task=${task.task}>
      <div class="picture">
        <${Picture} address=${task.thumbnail} of=${pictured(task, name)} thumbnails=${parts.thumbnails} />
        <label class="select"><input type="checkbox" checked=${isSelected} aria-label=${`Select ${name}`}
          onChange=${() => parts.store.toggle(task.task)} /></label>
        <span class=${`chip ${task.state}`}>${task.state}</span>
      </div>
      <a class="name" href=${task.player} target="_blank" rel="noopener">${name}</a>
      <p class="facts">
        ${Object.entries(task.labels).map(([label, count]) => `${label}${count > 1 ? ` ×${count}` : ""}`).join(", ") || "no objects"}
      </p>
      <p class="facts people">${task.people.map((each) => person(each.user)).join(", ")}</p>
      <p class="facts">
        uncertainty <b>${number(task.uncertainty)}</b>${task.worst_frame !== null && html` on frame ${task.worst_frame + 1}`}
        ${task.agreement && html`<br />agreement <b>${number(task.agreement.mean)}</b>`}
      </p>
      ${task.people.some((each) => each.reason) && html`
        <p class="facts bad">${task.people.map((each) => each.reason).filter(Boolean).join(" ")}</p>`}
      ${task.verdict !== "none" && html`<${Verdict} task=${task} />`}
      <p class="links">
        ${task.label_studio && html`<a href=${task.label_studio} target="_blank" rel="noopener" aria-label=${`${name} in Label Studio`}>Label Studio</a>`}
        ${task.state === "done" && html`
          <a href=${`/api/lead/tasks/${project}/${task.task}/report`} target="_blank" rel="noopener" aria-label=${`Report on ${name}`}>report</a>`}
      </p>
    </li>`;
}

/** @type {Record<string, string>} */
const GIVEN = {
  satisfactory: "✓ accepted", redo: "↺ sent back", reject: "✕ rejected", skipped: "skipped",
  outdated: "changed since the verdict",
};

/** @param {{task: TaskEntry}} props */
function Verdict({ task }) {
  return html`
    <p class=${`verdict ${task.verdict}`} title=${`by ${task.given_by.map(person).join(", ")}`}>
      ${GIVEN[task.verdict]}${task.comment ? `: ${task.comment}` : ""}</p>`;
}

/** What the picture shows. @param {TaskEntry} task @param {string} name */
function pictured(task, name) {
  if (task.state === "untouched") return `The first frame of ${name}`;
  return task.state === "done" ? `${name} with masks` : `A frame of ${name}`;
}

/** @param {{address: string, of: string, thumbnails: import("./thumbnails.js").Thumbnails}} props */
function Picture({ address, of, thumbnails }) {
  const image = useRef(/** @type {HTMLImageElement | null} */ (null));
  const [missing, setMissing] = useState("");
  useEffect(() => {
    setMissing("");
    return image.current ? thumbnails.show(image.current, address, setMissing) : undefined;
  }, [address]);
  return html`
    <img ref=${image} alt=${of} hidden=${missing !== ""} />
    ${missing && html`<span class="none">No picture. ${ended(missing)}</span>`}`;
}

/** @param {Props} props */
function Pages({ state, parts }) {
  const { list, place } = state;
  const last = Math.ceil((list?.total ?? 0) / PAGE_SIZE);
  if (last <= 1) return null;
  const go = (/** @type {number} */ page) => {
    parts.loading.go({ ...place, page });
    window.scrollTo({ top: 0 });
  };
  return html`
    <nav class="pages" aria-label="Pages">
      <button disabled=${place.page <= 1} onClick=${() => go(place.page - 1)}>‹ Previous</button>
      <span>page ${place.page} of ${last}</span>
      <button disabled=${place.page >= last} onClick=${() => go(place.page + 1)}>Next ›</button>
    </nav>`;
}
