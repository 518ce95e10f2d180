// Every action has a key. The table is also what the help shows.

/** @typedef {import("./types.js").Parts} Parts */
/** @typedef {{keys: string[], text: string, run: (parts: Parts) => void}} Binding */

/** @type {Binding[]} */
export const BINDINGS = [
  { keys: ["ArrowRight"], text: "next video", run: () => move(1, 0) },
  { keys: ["ArrowLeft"], text: "previous video", run: () => move(-1, 0) },
  { keys: ["ArrowDown"], text: "the video below", run: () => move(0, 1) },
  { keys: ["ArrowUp"], text: "the video above", run: () => move(0, -1) },
  { keys: ["Enter"], text: "open the video in the player", run: () => open() },
  { keys: ["Control+a"], text: "select all that meet the filter", run: ({ work }) => void work.selectAll() },
  { keys: ["Escape"], text: "select none", run: ({ store }) => store.set({ selected: [] }) },
  { keys: ["a"], text: "accept the selected", run: ({ work }) => void work.judge("satisfactory") },
  { keys: ["r"], text: "send the selected back, with a comment", run: (parts) => ask(parts) },
  { keys: ["u"], text: "take your verdict back", run: ({ work }) => void work.judge(null) },
  { keys: ["p"], text: "process the selected", run: ({ work }) => void work.process() },
  { keys: ["e"], text: "export the selected, or all", run: ({ store }) => store.set({ dialog: "export" }) },
  { keys: ["/"], text: "search", run: () => document.getElementById("text")?.focus() },
  { keys: ["?"], text: "this help", run: ({ store }) => store.set({ dialog: "help" }) },
];
const IN_GRID = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Enter"];

/** Runs the binding of a key. Keys typed into a field are the field's. @param {KeyboardEvent} event @param {Parts} parts */
export function onKey(event, parts) {
  const { view } = parts.store.state.place;
  if (parts.store.state.dialog || event.altKey || view !== "tasks") return;
  const name = `${event.ctrlKey || event.metaKey ? "Control+" : ""}${event.key}`;
  const binding = BINDINGS.find((each) => each.keys.includes(name));
  if (!binding || isTyped(event.target)) return;
  if (IN_GRID.includes(name) && !isInGrid(event.target, name)) return;
  event.preventDefault();
  binding.run(parts);
}

/** @param {EventTarget | null} target */
function isTyped(target) {
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}

/** Enter on a link or button is the control's. @param {EventTarget | null} target @param {string} name */
function isInGrid(target, name) {
  if (name === "Enter") return target instanceof HTMLInputElement;
  return target === document.body || (target instanceof Element && target.closest(".grid") !== null);
}

/** @param {Parts} parts */
function ask({ store }) {
  if (store.state.selected.length) store.set({ dialog: "send back" });
  else store.say("No video is selected.", "Select some: press Space on them.");
}

function boxes() {
  return /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll(".grid .select input")]);
}

/** Moves the focus among the videos. @param {number} columns @param {number} rows */
function move(columns, rows) {
  const all = boxes();
  const card = document.activeElement?.closest(".card") ?? null;
  const here = all.findIndex((each) => each.closest(".card") === card);
  if (here < 0) {
    all[0]?.focus();
    return;
  }
  const top = (/** @type {HTMLInputElement | undefined} */ each) => each?.closest(".card")?.getBoundingClientRect().top;
  const width = all.filter((each) => top(each) === top(all[0])).length;
  all[Math.min(Math.max(here + columns + rows * width, 0), all.length - 1)]?.focus();
}

function open() {
  const card = document.activeElement?.closest(".card");
  /** @type {HTMLAnchorElement | null} */ (card?.querySelector("a.name") ?? null)?.click();
}
