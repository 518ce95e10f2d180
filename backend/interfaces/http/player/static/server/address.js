// The task that the page's own address names.

import { ApiError } from "./errors.js";

const WAY_OUT = "Open the player with ?project=NUMBER&task=NUMBER.";

/**
 * The task that an address names. The value of the task's data field is the rest of the address.
 * @param {string} search  location.search
 * @returns {import("../types.js").AddressedTask}
 */
export function addressedTask(search) {
  const raw = search.replace(/^\?/, "");
  const cut = raw.search(/(^|&)value=/);
  const named = new URLSearchParams(cut < 0 ? raw : raw.slice(0, cut));
  const project = Number(named.get("project"));
  if (!Number.isInteger(project) || project < 1) throw new ApiError(400, "The address names no project.", WAY_OUT);
  if (cut >= 0) {
    const value = raw.slice(cut).replace(/^&?value=/, "");
    return { project, field: named.get("field") || "video", value: value.replaceAll("%20", " ") };
  }
  const task = Number(named.get("task"));
  if (!Number.isInteger(task) || task < 1) throw new ApiError(400, "The address names no task.", WAY_OUT);
  return { project, task };
}
