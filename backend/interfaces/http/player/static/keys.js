// Every action has a key. The table is also what the help shows.

/** @typedef {{keys: string[], text: string, run: (parts: any) => void}} Binding */

/** @type {Binding[]} */
export const BINDINGS = [
  { keys: ["Space"], text: "play or pause", run: ({ store }) => store.act("set", { playing: !store.state.playing }) },
  { keys: ["ArrowRight", "d"], text: "next frame", run: ({ store }) => step(store, 1) },
  { keys: ["ArrowLeft", "a"], text: "previous frame", run: ({ store }) => step(store, -1) },
  { keys: ["Shift+ArrowRight"], text: "15 frames on", run: ({ store }) => step(store, 15) },
  { keys: ["Shift+ArrowLeft"], text: "15 frames back", run: ({ store }) => step(store, -15) },
  { keys: ["Home"], text: "first frame", run: ({ store }) => store.act("frame", 0) },
  { keys: ["End"], text: "last frame", run: ({ store }) => store.act("frame", store.state.video.frame_count - 1) },
  { keys: ["n"], text: "next uncertain frame", run: ({ controller }) => controller.toUncertainFrame() },
  { keys: ["."], text: "next human frame", run: ({ controller }) => controller.toHumanFrame(1) },
  { keys: [","], text: "previous human frame", run: ({ controller }) => controller.toHumanFrame(-1) },
  { keys: ["1…9"], text: "select object 1 to 9", run: () => {} },
  { keys: ["o"], text: "add an object of the selected label", run: ({ store }) => addObject(store) },
  { keys: ["c"], text: "tool: click, drag for a box", run: ({ store }) => store.act("set", { tool: "click" }) },
  { keys: ["x"], text: "tool: box", run: ({ store }) => store.act("set", { tool: "box" }) },
  { keys: ["b"], text: "tool: brush", run: ({ store }) => store.act("set", { tool: "brush" }) },
  { keys: ["e"], text: "tool: eraser", run: ({ store }) => store.act("set", { tool: "eraser" }) },
  { keys: ["p"], text: "tool: polygon (Enter closes it)", run: ({ store }) => store.act("set", { tool: "polygon" }) },
  { keys: ["i"], text: "tool: ellipse", run: ({ store }) => store.act("set", { tool: "ellipse" }) },
  { keys: ["["], text: "smaller brush", run: ({ stage }) => { stage.brush = Math.max(stage.brush / 1.3, 0.003); } },
  { keys: ["]"], text: "larger brush", run: ({ stage }) => { stage.brush = Math.min(stage.brush * 1.3, 0.2); } },
  { keys: ["Enter"], text: "close the polygon; else approve the frame", run: ({ pointer, controller }) => pointer.closePolygon() || controller.approve() },
  { keys: ["Escape"], text: "give up what is being drawn; close the help", run: ({ pointer, store }) => pointer.cancel() || store.act("set", { help: false }) },
  { keys: ["Delete", "Backspace"], text: "delete the selected prompt, or the frame's prompts of the object", run: ({ controller }) => controller.deletePrompt() },
  { keys: ["Control+z"], text: "undo", run: ({ controller }) => controller.undo() },
  { keys: ["Control+y", "Control+Shift+Z"], text: "redo", run: ({ controller }) => controller.redo() },
  { keys: ["f"], text: "carry on 15 frames", run: ({ controller }) => controller.propagate("forward", 15) },
  { keys: ["Shift+F"], text: "carry on to the end", run: ({ controller }) => controller.propagate("forward", null) },
  { keys: ["r"], text: "carry back 15 frames", run: ({ controller }) => controller.propagate("backward", 15) },
  { keys: ["g"], text: "carry both ways, whole video", run: ({ controller }) => controller.propagate("both", null) },
  { keys: ["u"], text: "carry on until uncertain", run: ({ controller, uncertainFrom }) => controller.propagate("forward", null, { stopAt: uncertainFrom }) },
  { keys: ["s"], text: "stop carrying", run: ({ controller }) => controller.stop() },
  { keys: ["h"], text: "mask under the mouse on or off", run: ({ store }) => store.act("set", { hover: !store.state.hover }) },
  { keys: ["v"], text: "boxes of the masks on or off", run: ({ store }) => store.act("set", { boxes: !store.state.boxes }) },
  { keys: ["l"], text: "loop on or off", run: ({ store }) => store.act("set", { loop: !store.state.loop }) },
  { keys: ["+", "="], text: "zoom in", run: ({ stage }) => stage.zoomBy(1.4) },
  { keys: ["-"], text: "zoom out", run: ({ stage }) => stage.zoomBy(1 / 1.4) },
  { keys: ["0"], text: "whole picture", run: ({ stage }) => stage.resetZoom() },
  { keys: ["w"], text: "full window", run: ({ root }) => fullWindow(root) },
  { keys: ["?"], text: "this help", run: ({ store }) => store.act("set", { help: !store.state.help }) },
];

/** The name of a pressed key with its modifiers. @param {KeyboardEvent} event */
export function keyName(event) {
  const key = event.key === " " ? "Space" : event.key;
  const control = event.ctrlKey || event.metaKey ? "Control+" : "";
  const shift = event.shiftKey && (key.length > 1 || /[A-Z]/.test(key)) && key !== "?" ? "Shift+" : "";
  return `${control}${shift}${key}`;
}

/**
 * Runs the binding of a key. Keys typed into a field are the field's.
 * @param {KeyboardEvent} event
 * @param {any} parts
 */
export function onKey(event, parts) {
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  const name = keyName(event);
  if (/^[1-9]$/.test(name)) {
    const object = parts.store.state.objects[Number(name) - 1];
    if (object) parts.store.act("select", object.id);
    return;
  }
  const binding = BINDINGS.find((each) => each.keys.includes(name));
  if (!binding) return;
  event.preventDefault();
  binding.run(parts);
}

/** @param {import("./state.js").Store} store @param {number} frames */
function step(store, frames) {
  store.act("set", { playing: false });
  store.act("frame", store.state.frame + frames);
}

/** @param {import("./state.js").Store} store */
function addObject(store) {
  const { state } = store;
  const label = state.objects.find((each) => each.id === state.selected)?.label ?? state.labels[0]?.name;
  if (label) store.act("addObject", label);
}

/** @param {HTMLElement} root */
function fullWindow(root) {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void root.requestFullscreen();
}
