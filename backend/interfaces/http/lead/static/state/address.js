// The page's address and what it shows: a link that is handed on shows the same.

/** @typedef {import("../types.js").Place} Place */

/** @type {import("../types.js").ViewName[]} */
export const VIEWS = ["tasks", "labels", "people", "queues", "review", "training", "exports"];
/** @type {import("../types.js").TaskState[]} */
export const STATES = ["untouched", "prompted", "running", "done", "failed"];
/** @type {import("../types.js").VerdictState[]} */
export const VERDICTS = ["satisfactory", "redo", "reject", "skipped", "outdated", "none"];
export const ORDERS = ["number", "name", "uncertainty", "agreement", "newest"];

export const PAGE_SIZE = 60;

/** @type {Place} */
export const NOWHERE = {
  project: 0, view: "tasks", state: [], verdict: [], label: "", person: null, uncertainty_from: "", agreement_to: "",
  text: "", order: "number", page: 1,
};

/** The place of an address; what cannot be read is left out. @param {string} search  location.search @returns {Place} */
export function placeOf(search) {
  const query = new URLSearchParams(search);
  const text = (/** @type {string} */ name) => query.get(name) ?? "";
  const whole = (/** @type {string} */ name, /** @type {number} */ otherwise) =>
    (/^[1-9][0-9]{0,8}$/.test(text(name)) ? Number(text(name)) : otherwise);
  return {
    project: whole("project", 0),
    view: VIEWS.find((each) => each === text("view")) ?? "tasks",
    state: STATES.filter((each) => text("state").split(",").includes(each)),
    verdict: VERDICTS.filter((each) => text("verdict").split(",").includes(each)),
    label: text("label"),
    person: query.get("person"),
    uncertainty_from: text("uncertainty_from"),
    agreement_to: text("agreement_to"),
    text: text("text"),
    order: ORDERS.includes(text("order")) ? text("order") : "number",
    page: whole("page", 1),
  };
}

/** The filter of a place as a query of the API. @param {Place} place @returns {URLSearchParams} */
export function filterOf(place) {
  const query = new URLSearchParams();
  if (place.state.length) query.set("state", place.state.join(","));
  if (place.verdict.length) query.set("verdict", place.verdict.join(","));
  if (place.person !== null) query.set("person", place.person);
  for (const name of /** @type {const} */ (["label", "uncertainty_from", "agreement_to", "text"])) {
    if (place[name]) query.set(name, place[name]);
  }
  if (place.order !== "number") query.set("order", place.order);
  return query;
}

/** The query of the page of tasks that a place shows. @param {Place} place @returns {URLSearchParams} */
export function listQuery(place) {
  const query = filterOf(place);
  query.set("page", String(place.page));
  query.set("page_size", String(PAGE_SIZE));
  return query;
}

/** The address of a place, from "?" on. @param {Place} place */
export function addressOf(place) {
  const query = new URLSearchParams();
  if (place.project) query.set("project", String(place.project));
  if (place.view !== "tasks") query.set("view", place.view);
  for (const [name, value] of filterOf(place)) query.set(name, value);
  if (place.page > 1) query.set("page", String(place.page));
  return `?${query}`;
}
