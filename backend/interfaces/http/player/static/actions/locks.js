// Which objects are locked, kept by this browser until they are unlocked or forgotten.

import { objectOf } from "../state/state.js";

/**
 * Locks what was locked when the task was last open here, and keeps what is locked from now on.
 * @param {import("../state/state.js").Store} store
 * @param {{project: number, task: number, user: string}} opened
 */
export function keepLocks(store, { project, task, user }) {
  const key = `masklet locks ${project} ${task} ${user}`;
  for (const id of read(key)) if (objectOf(store.state, id)) store.act("changeObject", { id, locked: true });
  store.listen(({ objects }, before) => {
    if (objects !== before.objects) write(key, objects.filter((each) => each.locked).map((each) => each.id));
  });
}

/** @param {string} key @returns {string[]} ids */
function read(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.map(String) : [];
  } catch {
    return []; // A browser may keep nothing for a page; a lock then ends with it.
  }
}

/** @param {string} key @param {string[]} ids */
function write(key, ids) {
  try {
    if (ids.length) localStorage.setItem(key, JSON.stringify(ids));
    else localStorage.removeItem(key);
  } catch {
    // As in `read`; a full store keeps what it has.
  }
}
