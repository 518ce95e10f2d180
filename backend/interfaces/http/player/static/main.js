// Puts the page together: transport, state, caches, actions, canvas, timeline, views.

import { html, render } from "./vendor/htm-preact.js";
import { Activity } from "./actions/activity.js";
import { Changes } from "./actions/changes.js";
import { Finding } from "./actions/finding.js";
import { Hover } from "./actions/hover.js";
import { keepLocks } from "./actions/locks.js";
import { Looking } from "./actions/looking.js";
import { Notices } from "./actions/notices.js";
import { openTask } from "./actions/opening.js";
import { Prompts } from "./actions/prompts.js";
import { Propagation } from "./actions/propagation.js";
import { Review } from "./actions/review.js";
import { SignIn } from "./actions/sign_in.js";
import { TimelineReader } from "./actions/timeline_reader.js";
import { onKey } from "./keys.js";
import { FrameCache } from "./media/frame_cache.js";
import { MaskCache } from "./media/mask_cache.js";
import { MaskPictures } from "./media/mask_pictures.js";
import { Playback } from "./media/playback.js";
import { ShownMasks } from "./media/shown_masks.js";
import { addressedTask } from "./server/address.js";
import { Connection } from "./server/connection.js";
import { Transport } from "./server/transport.js";
import { shown } from "./state/shown.js";
import { isPropagating, Store } from "./state/state.js";
import { Announcer } from "./view/announcer.js";
import { layOut } from "./view/layout.js";
import { Help, Notice } from "./view/messages.js";
import { ObjectList } from "./view/object_list.js";
import { Pointer } from "./view/pointer.js";
import { PropagationBar } from "./view/propagation_bar.js";
import { Stage } from "./view/stage.js";
import { Thumbnails } from "./view/thumbnails.js";
import { Timeline } from "./view/timeline.js";
import { Toolbar } from "./view/toolbar.js";

/** @typedef {import("./state/state.js").State} State */

const PREWARM_MS = 150;

const root = /** @type {HTMLElement} */ (document.getElementById("player"));
const places = layOut(root);
const store = new Store();
const transport = new Transport();
const notices = new Notices(store);
/** Reads again what was asked for while the server gave no answer. */
function readAgain() {
  frames.fill();
  masks.invalidate();
  timelineReader.soon();
  looking.refresh();
}
const connection = new Connection(transport, store, readAgain);
const signIn = new SignIn(transport, store, notices, () => { if (store.state.ready) readAgain(); });

const frames = new FrameCache(
  (frame, signal) => transport.picture(frame, signal),
  (frame) => {
    notices.succeed("frames");
    if (frame === store.state.frame) stage.draw();
    void thumbnails.draw();
  },
  (error) => notices.fail(error, "frames"),
);
/** Shows masks that came. @param {number[]} changed  frames */
function showMasks(changed) {
  notices.succeed("masks");
  pictures.fill();
  void thumbnails.draw();
  if (!changed.includes(store.state.frame)) return;
  stage.draw();
  announcer.soon();
}
const masks = new MaskCache(
  (start, stop) => transport.masks(start, stop),
  showMasks,
  (error) => notices.fail(error, "masks"),
);
const shownMasks = new ShownMasks(masks);
const pictures = new MaskPictures(
  shownMasks,
  () => shown(store.state).objects,
  (frame) => { if (frame === store.state.frame) stage.draw(); },
  (error) => notices.fail(error, "masks"),
);
const playback = new Playback(store, (frame) => frames.bitmap(frame) !== undefined && pictures.isCurrent(frame));

const changes = new Changes(store, notices, connection);
const timelineReader = new TimelineReader(transport, store, notices);
const prompts = new Prompts(transport, store, masks, changes, timelineReader);
const finding = new Finding(transport, store, prompts);
const propagation = new Propagation(transport, store, masks, changes, timelineReader);
const review = new Review(transport, store, masks, changes, timelineReader);

const stage = new Stage(places.canvas, store, frames, shownMasks, pictures);
const hover = new Hover(transport, store, (mask) => stage.showHover(mask));
const pointer = new Pointer(stage, {
  point: (point) => prompts.point(point),
  box: (box) => prompts.box(box),
  mask: (mask) => prompts.mask(mask),
  move: (at, x, y) => prompts.movePoint(at, x, y),
  hover: (point) => { void hover.over(point); },
  refuse: () => changes.refuse(),
});
const timeline = new Timeline(places.lanes, store);
const thumbnails = new Thumbnails(places.thumbnails, store, frames, shownMasks);
const announcer = new Announcer(places.status, store, shownMasks);
const looking = new Looking(transport, store, shownMasks, notices, showMasks, () => pointer.isDrawing());
/** @type {import("./types.js").Parts} */
const parts = {
  root, store, notices, signIn, prompts, finding, propagation, review, looking, frames, masks, shownMasks, pictures, playback, stage, pointer,
};

let prewarmTimer = 0;
/** Asks for the open frame's encoding once the play head rests. */
function prewarmSoon() {
  clearTimeout(prewarmTimer);
  prewarmTimer = setTimeout(() => {
    const { playing, frame } = store.state;
    if (!playing) transport.prewarm([frame, frame + 1]).catch(() => {});
  }, PREWARM_MS);
}

/** @param {State} state @param {State} before */
function follow(state, before) {
  if (state.ready && !before.ready) {
    frames.count = masks.count = state.video.frame_count;
    root.removeAttribute("aria-busy");
  }
  if (state.ready && (state.frame !== before.frame || !before.ready)) {
    const step = state.frame >= before.frame ? 1 : -1;
    frames.moveTo(state.frame, step);
    shownMasks.moveTo(state.frame, step);
    pictures.moveTo(state.frame, step);
    if (!state.playing) prewarmSoon();
  }
  if (state.looked?.user !== before.looked?.user) {
    pictures.clear();
    shownMasks.moveTo(state.frame, 1);
    stage.showHover(null);
  }
  if (before.playing && !state.playing) prewarmSoon();
  if (shown(state).objects !== shown(before).objects) pictures.fill();
  if (state.frame !== before.frame || state.tool !== before.tool) pointer.cancel();
  if (state.frame !== before.frame || state.selected !== before.selected) stage.showHover(null);
}

/** @type {[typeof Notice | typeof Help, HTMLElement, (keyof State)[]][]} view, place, and what it shows */
const VIEWS = [
  [Notice, places.notice, ["notice", "connected", "busy", "needsToken"]],
  [Toolbar, places.toolbar, ["tool", "playing", "speed", "loop", "frame", "video", "rangeStart", "hover", "boxes", "thumbnails", "looked"]],
  [ObjectList, places.objects, ["objects", "selected", "labels", "prompts", "model", "verdicts", "objections", "note", "people", "looked", "finding"]],
  [PropagationBar, places.propagation, ["job", "busy", "selected", "onlySelected", "skip", "looked"]],
  [Help, places.help, ["help"]],
];

/** @type {(keyof State)[]} what the line of the open frame depends on, with the masks */
const TOLD = ["frame", "objects", "playing", "ready", "looked"];

/** Draws the views whose part of the state has changed. @param {State} state @param {State | null} before */
function draw(state, before) {
  const seen = shown(state);
  for (const [view, place, keys] of VIEWS) {
    if (before && keys.every((key) => state[key] === before[key])) continue;
    render(html`<${view} state=${seen} parts=${parts} />`, place);
  }
}

store.listen((state, before) => {
  follow(state, before);
  stage.draw();
  timeline.draw();
  void thumbnails.draw();
  if (TOLD.some((key) => state[key] !== before[key])) announcer.soon();
  draw(state, before);
});
document.addEventListener("keydown", (event) => onKey(event, parts));
// Keys go on to the video after a click on a control; after a key on it, the control keeps the focus.
root.addEventListener("click", (event) => {
  const isButton = event.target instanceof Element && event.target.closest("button") !== null;
  if (isButton && event.detail > 0 && !store.state.help) stage.canvas.focus({ preventScroll: true });
});
window.addEventListener("beforeunload", (event) => {
  if (store.state.busy) event.preventDefault();
});
draw(store.state, null);
/** For tests and the console. */
Object.assign(window, { masklet: parts });

try {
  const task = await openTask(addressedTask(location.search), transport, notices, () => signIn.next());
  if (task) {
    store.act("opened", task);
    keepLocks(store, task);
    timelineReader.soon();
    looking.isAllowed = task.shared_masks;
    looking.refresh();
    if (task.effort) new Activity(transport, store).listen(window);
    if (isPropagating(store.state)) propagation.follow();
  }
} catch (error) {
  notices.fail(error);
}
