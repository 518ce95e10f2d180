// The page's state: one value with listeners. Knows no DOM and no network.

import { NOWHERE } from "./address.js";

/** @typedef {import("../types.js").State} State */

/** @type {State} */
export const INITIAL = {
  place: NOWHERE,
  name: "",
  ready: false,
  needsToken: false,
  connected: true,
  loading: false,
  projects: [],
  list: null,
  labels: null,
  people: null,
  queues: null,
  review: null,
  exports: null,
  training: null,
  progress: null,
  selected: [],
  busy: 0,
  notice: null,
  dialog: "",
};

export class Store {
  /** @param {State} initial */
  constructor(initial = INITIAL) {
    this.state = initial;
    /** @type {Set<(state: State, before: State) => void>} */
    this.listeners = new Set();
  }

  /** @param {Partial<State>} change */
  set(change) {
    const before = this.state;
    this.state = { ...before, ...change };
    for (const listener of this.listeners) listener(this.state, before);
  }

  /** @param {(state: State, before: State) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }

  /** @param {string} text  one sentence @param {string} [wayOut] @param {"info" | "error"} [kind] */
  say(text, wayOut = "", kind = "info") {
    this.set({ notice: { text, wayOut, kind } });
  }

  /** Selects a task, or no longer. @param {number} task */
  toggle(task) {
    const { selected } = this.state;
    this.set({ selected: selected.includes(task) ? selected.filter((each) => each !== task) : [...selected, task] });
  }
}
