// Puts the page together: transport, state, caches, canvas, timeline, views.

import { html, render } from "./vendor/htm-preact.js";
import { addressedTask, Transport } from "./transport.js";
import { Store } from "./state.js";
import { FrameCache } from "./frame_cache.js";
import { MaskCache } from "./mask_cache.js";
import { Pointer } from "./pointer.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";
import { Playback } from "./playback.js";
import { Controller, UNCERTAIN_FROM } from "./controller.js";
import { onKey } from "./keys.js";
import { Carrying, Help, Notice, Objects, Toolbar } from "./view.js";

const PREWARM_MS = 150;

const root = /** @type {HTMLElement} */ (document.getElementById("player"));
root.textContent = "";
const store = new Store();
const transport = new Transport();

const slots = Object.fromEntries(["notice", "toolbar", "picture", "objects", "carrying", "timeline", "help"].map((name) => {
  const slot = document.createElement("div");
  slot.className = `slot-${name}`;
  root.append(slot);
  return [name, slot];
}));
const canvas = document.createElement("canvas");
canvas.tabIndex = 0;
canvas.className = "stage";
canvas.setAttribute("aria-label", "Video frame with masks");
slots.picture.append(canvas);
const lanes = document.createElement("canvas");
lanes.className = "timeline";
lanes.setAttribute("aria-label", "Timeline: a lane per object");
slots.timeline.append(lanes);

const frames = new FrameCache(
  (frame, signal) => transport.picture(frame, signal),
  (frame) => { if (frame === store.state.frame) stage.draw(); },
  (error) => controller.fail(error),
);
const masks = new MaskCache(
  (start, stop) => transport.masks(start, stop),
  (changed) => { if (changed.includes(store.state.frame)) stage.draw(); },
  (error) => controller.fail(error),
);
const controller = new Controller(transport, store, masks);
const stage = new Stage(canvas, store, frames, masks);
const pointer = new Pointer(stage, {
  point: (point) => controller.point(point),
  box: (box) => controller.box(box),
  mask: (mask) => controller.mask(mask),
  move: (at, x, y) => controller.movePoint(at, x, y),
  hover: (point) => { void controller.hover(point); },
});
controller.onHover = (mask) => stage.showHover(mask);
const timeline = new Timeline(lanes, store);
const playback = new Playback(store, frames);
const parts = { store, controller, stage, pointer, root, uncertainFrom: UNCERTAIN_FROM, playback, frames, masks };

let prewarmTimer = 0;
/** Asks for the open frame's encoding once the play head rests. */
function prewarmSoon() {
  clearTimeout(prewarmTimer);
  prewarmTimer = setTimeout(() => {
    const { playing, frame } = store.state;
    if (!playing) transport.prewarm([frame, frame + 1]).catch(() => {});
  }, PREWARM_MS);
}

store.listen((state, before) => {
  if (state.ready && !before.ready) {
    frames.count = state.video.frame_count;
    root.removeAttribute("aria-busy");
  }
  if (state.ready && (state.frame !== before.frame || !before.ready)) {
    const step = state.frame >= before.frame ? 1 : -1;
    frames.moveTo(state.frame, step);
    masks.moveTo(state.frame, step);
    prewarmSoon();
  }
  if (state.frame !== before.frame || state.selected !== before.selected) stage.showHover(null);
  stage.draw();
  timeline.draw();
  draw(state);
});

/** @param {import("./state.js").State} state */
function draw(state) {
  render(html`<${Notice} state=${state} parts=${parts} />`, slots.notice);
  render(html`<${Toolbar} state=${state} parts=${parts} />`, slots.toolbar);
  render(html`<${Objects} state=${state} parts=${parts} />`, slots.objects);
  render(html`<${Carrying} state=${state} parts=${parts} />`, slots.carrying);
  render(html`<${Help} state=${state} parts=${parts} />`, slots.help);
}

document.addEventListener("keydown", (event) => onKey(event, parts));
draw(store.state);
/** For tests and the console. */
Object.assign(window, { masklet: parts });
try {
  void controller.open(addressedTask(location.search));
} catch (error) {
  controller.fail(error);
}
