// The page's state: one value, changed by named actions only. Knows no DOM and no network.

/** @typedef {import("./types.js").TaskDocument} TaskDocument */
/** @typedef {import("./types.js").Prompt} Prompt */
/** @typedef {import("./types.js").Job} Job */

export const PALETTE = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#d8b400", "#f032e6"];

/**
 * @typedef {object} ObjectState
 * @property {string} id
 * @property {string} label
 * @property {string} color  #rrggbb
 * @property {boolean} visible
 * @property {boolean} locked  no prompt is added
 */

export const INITIAL = {
  user: "",
  video: { frame_count: 0, width: 0, height: 0, frame_rate: 25, times_s: null },
  labels: [],
  /** @type {ObjectState[]} */
  objects: [],
  /** @type {Prompt[]} */
  prompts: [],
  model: { version: "", is_demo: false, notice: "" },
  cuts: [],
  lanes: {},
  nextUncertain: [],
  frame: 0,
  selected: "",
  /** @type {{object: string, frame: number, point: number} | null} point: -1 for the box */
  selectedPrompt: null,
  tool: "click",
  playing: false,
  speed: 1,
  loop: false,
  hover: true,
  boxes: false,
  /** @type {Job | null} */
  job: null,
  stopAt: 0,
  busy: 0,
  /** @type {{text: string, wayOut: string, kind: "info" | "error"} | null} */
  notice: null,
  help: false,
  ready: false,
};

/** @typedef {typeof INITIAL} State */

/** One value with listeners. */
export class Store {
  /** @param {State} initial */
  constructor(initial = INITIAL) {
    this.state = initial;
    /** @type {Set<(state: State, before: State) => void>} */
    this.listeners = new Set();
  }

  /**
   * @template {keyof typeof ACTIONS} Name
   * @param {Name} name
   * @param {any} [value]
   */
  act(name, value) {
    const before = this.state;
    this.state = /** @type {any} */ (ACTIONS[name])(before, value);
    if (this.state !== before) for (const listener of this.listeners) listener(this.state, before);
  }

  /** @param {(state: State, before: State) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }
}

/**
 * The task's objects with the colours and switches that the page knows.
 * @param {State} state
 * @param {{id: string, label: string}[]} listed
 * @returns {ObjectState[]}
 */
export function objectsOf(state, listed) {
  /** @type {Set<string>} */
  const taken = new Set(state.objects.map((each) => each.color));
  return listed.map(({ id, label }, position) => {
    const known = state.objects.find((each) => each.id === id);
    if (known) return known.label === label ? known : { ...known, label };
    const color = freeColor(state, label, id, position, taken);
    taken.add(color);
    return { id, label, color, visible: true, locked: false };
  });
}

/**
 * The label's colour for its first object; else the first colour from the position on that no other object has.
 * @param {State} state
 * @param {string} label
 * @param {string} id
 * @param {number} position
 * @param {Set<string>} taken
 * @returns {string}
 */
function freeColor(state, label, id, position, taken) {
  const labelled = state.labels.find((each) => each.name === label);
  if (labelled?.color && id === label) return labelled.color;
  const colors = PALETTE.map((_, step) => PALETTE[(position + step) % PALETTE.length]);
  return colors.find((each) => !taken.has(each)) ?? colors[0];
}

/**
 * The next free id of a label: "Cat", then "Cat 2".
 * @param {string} label
 * @param {Iterable<string>} taken
 */
export function freeId(label, taken) {
  const ids = new Set(taken);
  if (!ids.has(label)) return label;
  let number = 2;
  while (ids.has(`${label} ${number}`)) number += 1;
  return `${label} ${number}`;
}

/** @param {State} state @param {string} object @param {number} frame @returns {Prompt | null} */
export function promptAt(state, object, frame) {
  return state.prompts.find((each) => each.object === object && each.frame === frame) ?? null;
}

/** The frames on which a person drew, changed or approved, ascending. @param {State} state */
export function humanFrames(state) {
  const frames = new Set(state.prompts.map((prompt) => prompt.frame));
  for (const lane of Object.values(state.lanes)) for (const frame of lane.human) frames.add(frame);
  return [...frames].sort((a, b) => a - b);
}

/** @param {number} frame @param {State} state */
function clamped(frame, state) {
  return Math.min(Math.max(Math.round(frame), 0), Math.max(state.video.frame_count - 1, 0));
}

const ACTIONS = {
  /** @param {State} state @param {TaskDocument} task */
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
      job: task.propagation,
      selected: state.selected || objects[0]?.id || "",
      frame: Math.min(state.frame, Math.max(task.video.frame_count - 1, 0)),
      ready: true,
    };
  },
  /** @param {State} state @param {{prompts: Prompt[], objects?: {id: string, label: string}[]}} answer */
  prompted: (state, answer) => {
    const listed = answer.objects ?? state.objects;
    const kept = state.objects.filter((each) => !listed.some((other) => other.id === each.id) && each.id === state.selected);
    return { ...state, prompts: answer.prompts, objects: [...objectsOf(state, listed), ...kept] };
  },
  timeline: (state, { objects, next_uncertain: nextUncertain }) => ({ ...state, lanes: objects, nextUncertain }),
  frame: (state, frame) => {
    const there = clamped(frame, state);
    return there === state.frame ? state : { ...state, frame: there, selectedPrompt: null };
  },
  select: (state, id) => ({ ...state, selected: id, selectedPrompt: null }),
  selectPrompt: (state, selectedPrompt) => ({ ...state, selectedPrompt }),
  addObject: (state, label) => {
    const id = freeId(label, state.objects.map((each) => each.id));
    const taken = new Set(state.objects.map((each) => each.color));
    const color = freeColor(state, label, id, state.objects.length, taken);
    const added = { id, label, color, visible: true, locked: false };
    return { ...state, objects: [...state.objects, added], selected: id };
  },
  removeObject: (state, id) => {
    const objects = state.objects.filter((each) => each.id !== id);
    const selected = state.selected === id ? (objects[0]?.id ?? "") : state.selected;
    return { ...state, objects, selected, selectedPrompt: null };
  },
  /** @param {State} state @param {Partial<ObjectState> & {id: string}} change */
  changeObject: (state, change) => ({
    ...state,
    objects: state.objects.map((each) => (each.id === change.id ? { ...each, ...change } : each)),
  }),
  /** Sets plain fields: tool, playing, speed, loop, hover, boxes, help, stopAt. */
  set: (state, change) => ({ ...state, ...change }),
  job: (state, job) => ({ ...state, job }),
  busy: (state, step) => ({ ...state, busy: state.busy + step }),
  notice: (state, notice) => ({ ...state, notice }),
};
