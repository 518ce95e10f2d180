// The first calls, made while the browser still fetches the page's modules.

import { listQuery, placeOf } from "./state/address.js";

/** @type {Map<string, Promise<Response>>} answers on their way, by address */
const early = new Map();

const { project, view, ...rest } = placeOf(location.search);
if (project && view === "tasks") {
  const query = listQuery({ project, view, ...rest });
  for (const call of [`projects/${project}/tasks?${query}`, `projects/${project}/orders`, "projects"]) {
    const answer = fetch(`/api/lead/${call}`, { credentials: "same-origin" });
    answer.catch(() => {}); // the call itself tells it
    early.set(`/api/lead/${call}`, answer);
  }
}

/** The answer to a call that was made early, once. @param {string} address @returns {Promise<Response> | undefined} */
export function takeEarly(address) {
  const answer = early.get(address);
  early.delete(address);
  return answer;
}
