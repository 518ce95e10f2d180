// The page's state: one value, changed by named actions only. Knows no DOM and no network.

import { ACTIONS } from "./changes.js";

/** @typedef {import("../types.js").Prompt} Prompt */
/** @typedef {"click" | "box" | "brush" | "eraser" | "polygon" | "ellipse"} Tool */
/** @typedef {{text: string, wayOut: string, kind: "info" | "error", source: string}} NoticeState  source: what it is about */

/**
 * @typedef {object} ObjectState
 * @property {string} id
 * @property {string} label
 * @property {string} color  #rrggbb
 * @property {boolean} visible
 * @property {boolean} locked  no prompt is added, and no propagation replaces its masks
 */

/**
 * @typedef {object} Switches  what the action "set" changes
 * @property {Tool} tool
 * @property {boolean} playing
 * @property {number} speed  1: the video's own
 * @property {boolean} loop
 * @property {boolean} hover  shows the mask under the mouse
 * @property {boolean} boxes  shows the boxes of the masks
 * @property {boolean} thumbnails  shows the frames around the open one
 * @property {boolean} onlySelected  propagates the selected object alone
 * @property {number} skip  frames that a propagation leaves out before each one that gets masks
 * @property {boolean} help
 * @property {boolean} finding  a detector looks for what a text describes
 * @property {boolean} connected  the server answered the newest call
 * @property {boolean} needsToken  nobody is signed in
 * @property {number} stopAt  the uncertainty that stops the propagation; 0: none
 * @property {number | null} rangeStart  the first frame of a range to approve
 */

/**
 * @typedef {object} Looked  another person's masks, which are shown in place of the own
 * @property {string} user
 * @property {ObjectState[]} objects
 * @property {Record<string, import("../types.js").Lane>} lanes  by object
 * @property {import("../types.js").UncertainFrame[]} nextUncertain
 * @property {string} selected  an object's id; "": none
 */

/**
 * @typedef {object} TaskState  what the server says
 * @property {string} user
 * @property {import("../types.js").VideoEntry} video
 * @property {import("../types.js").LabelEntry[]} labels
 * @property {ObjectState[]} objects
 * @property {Prompt[]} prompts
 * @property {import("../types.js").ModelEntry} model
 * @property {number[]} cuts
 * @property {import("../types.js").Verdict[] | null} verdicts  null: the server keeps none
 * @property {import("../types.js").Objection[]} objections  what others say against the masks that the task was opened with
 * @property {string} note  what a crowd tells the person; "": nothing, or it was closed
 * @property {Record<string, import("../types.js").Lane>} lanes  by object
 * @property {import("../types.js").UncertainFrame[]} nextUncertain
 * @property {import("../types.js").Job | null} job
 * @property {string[]} people  the others with prompts on the task; empty where people do not see each other's masks
 * @property {Looked | null} looked  null: the own masks are shown
 * @property {number} frame
 * @property {string} selected  an object's id; "": none
 * @property {import("../types.js").PromptMark | null} selectedPrompt
 * @property {number} busy  changes that the server has not answered
 * @property {NoticeState | null} notice
 * @property {boolean} ready
 */
/** @typedef {TaskState & Switches} State */

/** @type {State} */
export const INITIAL = {
  user: "",
  video: { frame_count: 0, width: 0, height: 0, frame_rate: 25, times_s: null },
  labels: [],
  objects: [],
  prompts: [],
  model: { version: "", is_demo: false, notice: "" },
  cuts: [],
  verdicts: null,
  objections: [],
  note: "",
  lanes: {},
  nextUncertain: [],
  job: null,
  people: [],
  looked: null,
  frame: 0,
  selected: "",
  selectedPrompt: null,
  busy: 0,
  notice: null,
  ready: false,
  tool: "click",
  playing: false,
  speed: 1,
  loop: false,
  hover: true,
  boxes: false,
  thumbnails: false,
  onlySelected: false,
  skip: 0,
  help: false,
  finding: false,
  connected: true,
  needsToken: false,
  stopAt: 0,
  rangeStart: null,
};

/** One value with listeners. */
export class Store {
  /** @param {State} initial */
  constructor(initial = INITIAL) {
    this.state = initial;
    /** @type {Set<(state: State, before: State) => void>} */
    this.listeners = new Set();
  }

  /**
   * Changes the state by one action and calls the listeners if something changed.
   * @template {keyof typeof ACTIONS} Name
   * @param {Name} name
   * @param {Parameters<(typeof ACTIONS)[Name]>[1]} value
   */
  act(name, value) {
    const before = this.state;
    const change = /** @type {(state: State, value: unknown) => State} */ (ACTIONS[name]);
    this.state = change(before, value);
    if (this.state !== before) for (const listener of this.listeners) listener(this.state, before); // a listener may act
  }

  /** @param {(state: State, before: State) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }
}

/** @param {State} state @param {string} id @returns {ObjectState | undefined} */
export function objectOf(state, id) {
  return state.objects.find((each) => each.id === id);
}

/** @param {State} state @param {string} object @param {number} frame @returns {Prompt | null} */
export function promptAt(state, object, frame) {
  return state.prompts.find((each) => each.object === object && each.frame === frame) ?? null;
}

/** The frames on which a person drew, changed or approved, ascending. @param {State} state @returns {number[]} */
export function humanFrames(state) {
  const frames = new Set(state.prompts.map((prompt) => prompt.frame));
  for (const lane of Object.values(state.lanes)) for (const frame of lane.human) frames.add(frame);
  return [...frames].sort((a, b) => a - b);
}

/** @param {State} state @param {string | null} object  null: the whole task */
export function verdictOf(state, object) {
  return state.verdicts?.find((each) => each.object === object) ?? null;
}

/** @param {State} state @returns {boolean} whether a propagation waits or runs */
export function isPropagating(state) {
  return state.job !== null && (state.job.state === "queued" || state.job.state === "running");
}
