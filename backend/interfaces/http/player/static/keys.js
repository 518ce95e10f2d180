// Every action has a key. The table is also what the help shows.

import { UNCERTAIN_FROM } from "./actions/propagation.js";
import { shown } from "./state/shown.js";

/** @typedef {import("./types.js").Parts} Parts */
/** @typedef {{keys: string[], text: string, run: (parts: Parts, key: string) => void}} Binding */
/** @typedef {"loop" | "hover" | "boxes" | "thumbnails" | "onlySelected" | "playing" | "help"} Switch */

const BRUSH_STEP = 1.3;
const LEAST_BRUSH = 0.003;
const MOST_BRUSH = 0.2;
const ZOOM_STEP = 1.4;
const CROSS_HAIR_STEP = 0.01;
export const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** @type {Binding[]} */
export const BINDINGS = [
  { keys: ["Space"], text: "play or pause", run: ({ store }) => toggle(store, "playing") },
  { keys: ["ArrowRight", "d"], text: "next frame", run: ({ store }) => step(store, 1) },
  { keys: ["ArrowLeft", "a"], text: "previous frame", run: ({ store }) => step(store, -1) },
  { keys: ["Shift+ArrowRight"], text: "15 frames on", run: ({ store }) => step(store, 15) },
  { keys: ["Shift+ArrowLeft"], text: "15 frames back", run: ({ store }) => step(store, -15) },
  { keys: ["Home"], text: "first frame", run: ({ store }) => step(store, -store.state.frame) },
  { keys: ["End"], text: "last frame", run: ({ store }) => step(store, store.state.video.frame_count) },
  { keys: ["n"], text: "next uncertain frame", run: ({ review }) => review.toUncertainFrame() },
  { keys: ["."], text: "next human frame", run: ({ review }) => review.toHumanFrame(1) },
  { keys: [","], text: "previous human frame", run: ({ review }) => review.toHumanFrame(-1) },
  { keys: DIGITS, text: "select object 1 to 9", run: ({ store }, key) => selectNumber(store, Number(key)) },
  { keys: ["o"], text: "add an object of the selected label", run: ({ store, prompts }) => { if (!prompts.changes.refuse()) addObject(store); } },
  { keys: ["/"], text: "find objects by a text", run: ({ root }) => focusFinding(root) },
  { keys: ["c"], text: "tool: click, drag for a box", run: ({ store }) => store.act("set", { tool: "click" }) },
  { keys: ["x"], text: "tool: box", run: ({ store }) => store.act("set", { tool: "box" }) },
  { keys: ["b"], text: "tool: brush", run: ({ store }) => store.act("set", { tool: "brush" }) },
  { keys: ["e"], text: "tool: eraser", run: ({ store }) => store.act("set", { tool: "eraser" }) },
  { keys: ["p"], text: "tool: polygon (Enter closes it)", run: ({ store }) => store.act("set", { tool: "polygon" }) },
  { keys: ["i"], text: "tool: ellipse", run: ({ store }) => store.act("set", { tool: "ellipse" }) },
  { keys: ["Alt+ArrowLeft"], text: "cross hair to the left", run: ({ pointer }) => pointer.moveCrossHair(-CROSS_HAIR_STEP, 0) },
  { keys: ["Alt+ArrowRight"], text: "cross hair to the right", run: ({ pointer }) => pointer.moveCrossHair(CROSS_HAIR_STEP, 0) },
  { keys: ["Alt+ArrowUp"], text: "cross hair up", run: ({ pointer }) => pointer.moveCrossHair(0, -CROSS_HAIR_STEP) },
  { keys: ["Alt+ArrowDown"], text: "cross hair down", run: ({ pointer }) => pointer.moveCrossHair(0, CROSS_HAIR_STEP) },
  { keys: ["Alt+Enter"], text: "click at the cross hair: on the object", run: ({ pointer }) => pointer.clickCrossHair(1) },
  { keys: ["Alt+Delete", "Alt+Backspace"], text: "click at the cross hair: not on the object", run: ({ pointer }) => pointer.clickCrossHair(0) },
  { keys: ["["], text: "smaller brush", run: ({ stage }) => { stage.brush = Math.max(stage.brush / BRUSH_STEP, LEAST_BRUSH); } },
  { keys: ["]"], text: "larger brush", run: ({ stage }) => { stage.brush = Math.min(stage.brush * BRUSH_STEP, MOST_BRUSH); } },
  { keys: ["Enter"], text: "close the polygon; else the frame is right", run: ({ pointer, review }) => { if (!pointer.closePolygon()) review.approve(); } },
  { keys: ["m"], text: "start a range of right frames here, or give it up", run: ({ review }) => review.markRange() },
  { keys: ["Shift+Enter"], text: "all frames from the range's start to here are right", run: ({ review }) => review.approveRange() },
  { keys: ["Escape"], text: "give up what is being drawn, the cross hair, or the range; your own masks again", run: (parts) => giveUp(parts) },
  { keys: ["Delete", "Backspace"], text: "delete the selected prompt, or the frame's prompts of the object", run: ({ prompts }) => prompts.deletePrompt() },
  { keys: ["Control+z"], text: "undo", run: ({ prompts }) => prompts.undo() },
  { keys: ["Control+y", "Control+Shift+Z"], text: "redo", run: ({ prompts }) => prompts.redo() },
  { keys: ["f"], text: "carry on 15 frames", run: ({ propagation }) => propagation.start("forward", 15) },
  { keys: ["Shift+F"], text: "carry on to the end", run: ({ propagation }) => propagation.start("forward", null) },
  { keys: ["r"], text: "carry back 15 frames", run: ({ propagation }) => propagation.start("backward", 15) },
  { keys: ["g"], text: "carry both ways, whole video", run: ({ propagation }) => propagation.start("both", null) },
  { keys: ["u"], text: "carry on until uncertain", run: ({ propagation }) => propagation.start("forward", null, UNCERTAIN_FROM) },
  { keys: ["k"], text: "carry the selected object alone, or all", run: ({ store }) => toggle(store, "onlySelected") },
  { keys: ["s"], text: "stop carrying", run: ({ propagation }) => { void propagation.stop(); } },
  { keys: ["h"], text: "mask under the mouse on or off", run: ({ store }) => toggle(store, "hover") },
  { keys: ["v"], text: "boxes of the masks on or off", run: ({ store }) => toggle(store, "boxes") },
  { keys: ["t"], text: "frames around this one on or off", run: ({ store }) => toggle(store, "thumbnails") },
  { keys: ["l"], text: "loop on or off", run: ({ store }) => toggle(store, "loop") },
  { keys: ["j"], text: "look at the masks of the next person, at last your own", run: ({ looking }) => { void looking.next(); } },
  { keys: ["y"], text: "back to your own masks", run: ({ looking }) => looking.back() },
  { keys: ["+", "="], text: "zoom in", run: ({ stage }) => stage.zoomBy(ZOOM_STEP) },
  { keys: ["-"], text: "zoom out", run: ({ stage }) => stage.zoomBy(1 / ZOOM_STEP) },
  { keys: ["0"], text: "whole picture", run: ({ stage }) => stage.resetZoom() },
  { keys: ["w"], text: "full window", run: ({ root }) => fullWindow(root) },
  { keys: ["?"], text: "this help", run: ({ store }) => toggle(store, "help") },
];

/** The name of a pressed key with its modifiers; caps lock counts for nothing. @param {KeyboardEvent} event @returns {string} */
export function keyName(event) {
  const isLetter = /^[a-z]$/i.test(event.key);
  const letter = event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase();
  const key = event.key === " " ? "Space" : isLetter ? letter : event.key;
  const control = event.ctrlKey || event.metaKey ? "Control+" : "";
  const alt = event.altKey ? "Alt+" : "";
  // Of signs, shift is a part already.
  const shift = event.shiftKey && (isLetter || key.length > 1) ? "Shift+" : "";
  return `${control}${alt}${shift}${key}`;
}

/**
 * Runs the binding of a key. Keys typed into a field are the field's; Enter and Space on a control are the control's.
 * @param {KeyboardEvent} event
 * @param {Parts} parts
 */
export function onKey(event, parts) {
  const name = keyName(event);
  if (belongsTo(event.target, name) || (parts.store.state.help && name !== "?")) return;
  const binding = BINDINGS.find((each) => each.keys.includes(name));
  if (!binding) return;
  event.preventDefault();
  binding.run(parts, name);
}

/** @param {EventTarget | null} target @param {string} name @returns {boolean} whether the key is for the control itself */
function belongsTo(target, name) {
  if (target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement && ["number", "password", "text"].includes(target.type)) return true;
  const isControl = target instanceof HTMLButtonElement || target instanceof HTMLInputElement;
  return isControl && (name === "Enter" || name === "Space");
}

/** @param {import("./state/state.js").Store} store @param {Switch} name */
function toggle(store, name) {
  store.act("set", { [name]: !store.state[name] });
}

/** Moves the play head and ends playing. @param {import("./state/state.js").Store} store @param {number} frames */
export function step(store, frames) {
  store.act("set", { playing: false });
  store.act("frame", store.state.frame + frames);
}

/** @param {import("./state/state.js").Store} store @param {number} number  from 1 */
function selectNumber(store, number) {
  const object = shown(store.state).objects[number - 1];
  if (object) store.act("select", object.id);
}

/** @param {import("./state/state.js").Store} store */
function addObject(store) {
  const { state } = store;
  const label = state.objects.find((each) => each.id === state.selected)?.label ?? state.labels[0]?.name;
  if (label) store.act("addObject", label);
}

/** @param {Parts} parts */
function giveUp({ pointer, looking, store }) {
  if (pointer.cancel() || pointer.hideCrossHair()) return;
  if (store.state.looked) looking.back();
  else store.act("set", { rangeStart: null });
}

/** @param {HTMLElement} root */
function focusFinding(root) {
  /** @type {HTMLInputElement | null} */
  const field = root.querySelector(".finding input");
  field?.focus();
  field?.select();
}

/** @param {HTMLElement} root */
function fullWindow(root) {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void root.requestFullscreen();
}
