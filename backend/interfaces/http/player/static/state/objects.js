// Ids and colours of objects: no two objects have the same id, and none the same colour while the page has another.

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").ObjectState} ObjectState */

export const PALETTE = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#d8b400", "#f032e6"];
const GOLDEN_ANGLE = 137.508;
const BY_NUMBER = new Intl.Collator("en", { numeric: true });

/**
 * The task's objects with the colours and switches that the page knows.
 * @param {State} state
 * @param {import("../types.js").ObjectEntry[]} listed
 * @returns {ObjectState[]}
 */
export function objectsOf(state, listed) {
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
 * The objects of another person by id: those that the page knows as they are, the others in the colour of the own of
 * that id.
 * @param {State} state
 * @param {import("./state.js").ObjectState[]} known
 * @param {string[]} ids
 * @returns {import("./state.js").ObjectState[]}
 */
export function othersObjects(state, known, ids) {
  const own = state.objects.filter(({ id }) => !known.some((each) => each.id === id));
  const objects = [...known, ...own.map((each) => ({ ...each, visible: true, locked: false }))];
  const labelOf = (/** @type {string} */ id) => objects.find((each) => each.id === id)?.label ?? id;
  const listed = [...ids].sort(BY_NUMBER.compare).map((id) => ({ id, label: labelOf(id) }));
  return objectsOf({ ...state, objects }, listed);
}

/**
 * The label's colour for its first object; else the first colour from the position on that no other object has.
 * @param {State} state
 * @param {string} label
 * @param {string} id
 * @param {number} position
 * @param {Set<string>} taken
 * @returns {string} #rrggbb
 */
export function freeColor(state, label, id, position, taken) {
  const own = state.labels.find((each) => each.name === label)?.color ?? "";
  if (/^#[0-9a-f]{6}$/i.test(own) && id === label && !taken.has(own)) return own;
  const colors = PALETTE.map((_, step) => PALETTE[(position + step) % PALETTE.length]);
  const free = colors.find((each) => !taken.has(each));
  if (free) return free;
  for (let step = position; ; step += 1) {
    const color = colorOfHue((step * GOLDEN_ANGLE) % 360);
    if (!taken.has(color)) return color;
  }
}

/** @param {number} hue  degrees @returns {string} #rrggbb, of middle lightness */
function colorOfHue(hue) {
  const channel = (/** @type {number} */ offset) => {
    const turn = (offset + hue / 30) % 12;
    const value = 0.5 - 0.325 * Math.max(-1, Math.min(turn - 3, 9 - turn, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/**
 * The next free id of a label: "Cat", then "Cat 2".
 * @param {string} label
 * @param {Iterable<string>} taken
 * @returns {string}
 */
export function freeId(label, taken) {
  const ids = new Set(taken);
  if (!ids.has(label)) return label;
  let number = 2;
  while (ids.has(`${label} ${number}`)) number += 1;
  return `${label} ${number}`;
}
