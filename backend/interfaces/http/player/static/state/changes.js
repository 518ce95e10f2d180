// The actions of the state: each is a function of the state and a value, and returns the next state.

import { freeColor, freeId, objectsOf, othersObjects } from "./objects.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("../types.js").Prompt} Prompt */
/** @typedef {import("../types.js").ObjectEntry} ObjectEntry */

/** @param {number} frame @param {State} state @returns {number} the nearest frame of the video */
function clamped(frame, state) {
  return Math.min(Math.max(Math.round(frame), 0), Math.max(state.video.frame_count - 1, 0));
}

export const ACTIONS = {
  /** @param {State} state @param {import("../types.js").TaskDocument} task @returns {State} */
  opened: (state, task) => {
    const labelled = { ...state, labels: task.labels };
    const objects = objectsOf(labelled, task.objects);
    return {
      ...labelled,
      user: task.user,
      video: task.video,
      objects,
      prompts: task.prompts,
      model: task.model,
      cuts: task.cuts,
      verdicts: task.verdicts ?? null,
      objections: task.objections ?? [],
      note: task.note ?? "",
      job: task.propagation,
      selected: state.selected || objects[0]?.id || "",
      frame: Math.min(state.frame, Math.max(task.video.frame_count - 1, 0)),
      ready: true,
    };
  },

  /** @param {State} state @returns {State} */
  closeNote: (state) => ({ ...state, note: "" }),

  /** @param {State} state @param {{prompts: Prompt[], objects?: ObjectEntry[]}} answer @returns {State} */
  prompted: (state, answer) => {
    const listed = answer.objects ?? state.objects;
    // An object without a prompt is known to the page alone: it stays.
    const had = new Set(state.prompts.map((each) => each.object));
    const kept = state.objects.filter(
      (each) => !listed.some((other) => other.id === each.id) && (each.id === state.selected || !had.has(each.id)),
    );
    return { ...state, prompts: answer.prompts, objects: [...objectsOf(state, listed), ...kept] };
  },

  /** @param {State} state @param {import("../types.js").TimelineAnswer} answer @returns {State} */
  timeline: (state, answer) => ({ ...state, lanes: answer.objects, nextUncertain: answer.next_uncertain }),

  /** @param {State} state @param {string[]} people @returns {State} */
  people: (state, people) => (state.people.join("\n") === people.join("\n") ? state : { ...state, people }),

  /** Shows the masks of a person; null: the own. @param {State} state @param {string | null} user @returns {State} */
  look: (state, user) => {
    const looked = user === null ? null : { user, objects: [], lanes: {}, nextUncertain: [], selected: "" };
    return { ...state, looked };
  },

  /** @param {State} state @param {{user: string, answer: import("../types.js").TimelineAnswer}} read @returns {State} */
  lookedTimeline: (state, { user, answer }) => {
    if (state.looked?.user !== user) return state;
    const objects = othersObjects(state, state.looked.objects, Object.keys(answer.objects));
    const isThere = objects.some((each) => each.id === state.looked?.selected);
    const selected = isThere ? state.looked.selected : (objects[0]?.id ?? "");
    return { ...state, looked: { user, objects, lanes: answer.objects, nextUncertain: answer.next_uncertain, selected } };
  },

  /** @param {State} state @param {import("../types.js").Verdict[]} verdicts @returns {State} */
  verdicts: (state, verdicts) => ({ ...state, verdicts }),

  /** @param {State} state @param {number} frame @returns {State} */
  frame: (state, frame) => {
    const there = clamped(frame, state);
    return there === state.frame ? state : { ...state, frame: there, selectedPrompt: null };
  },

  /** Selects an object of those that are shown. @param {State} state @param {string} id @returns {State} */
  select: (state, id) =>
    state.looked
      ? { ...state, looked: { ...state.looked, selected: id } }
      : { ...state, selected: id, selectedPrompt: null },

  /** @param {State} state @param {import("../types.js").PromptMark | null} selectedPrompt @returns {State} */
  selectPrompt: (state, selectedPrompt) => ({ ...state, selectedPrompt }),

  /** @param {State} state @param {string} label @returns {State} */
  addObject: (state, label) => {
    const id = freeId(label, state.objects.map((each) => each.id));
    const taken = new Set(state.objects.map((each) => each.color));
    const color = freeColor(state, label, id, state.objects.length, taken);
    const added = { id, label, color, visible: true, locked: false };
    return { ...state, objects: [...state.objects, added], selected: id };
  },

  /** @param {State} state @param {string} id @returns {State} */
  removeObject: (state, id) => {
    const objects = state.objects.filter((each) => each.id !== id);
    const selected = state.selected === id ? (objects[0]?.id ?? "") : state.selected;
    return { ...state, objects, selected, selectedPrompt: null };
  },

  /**
   * Changes an object of those that are shown.
   * @param {State} state
   * @param {Partial<import("./state.js").ObjectState> & {id: string}} change
   * @returns {State}
   */
  changeObject: (state, change) => {
    const changed = (/** @type {import("./state.js").ObjectState[]} */ objects) =>
      objects.map((each) => (each.id === change.id ? { ...each, ...change } : each));
    if (!state.looked) return { ...state, objects: changed(state.objects) };
    return { ...state, looked: { ...state.looked, objects: changed(state.looked.objects) } };
  },

  /** @param {State} state @param {Partial<import("./state.js").Switches>} change @returns {State} */
  set: (state, change) => ({ ...state, ...change }),

  /** @param {State} state @param {import("../types.js").Job | null} job @returns {State} */
  job: (state, job) => ({ ...state, job }),

  /** @param {State} state @param {1 | -1} step @returns {State} */
  busy: (state, step) => ({ ...state, busy: state.busy + step }),

  /** @param {State} state @param {import("./state.js").NoticeState | null} notice @returns {State} */
  notice: (state, notice) => (state.notice === notice ? state : { ...state, notice }),
};
