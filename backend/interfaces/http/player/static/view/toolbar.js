// Tools, stepping, playing, review and what is shown.

import { html } from "../vendor/htm-preact.js";
import { step } from "../keys.js";

/** @typedef {{state: import("../state/state.js").State, parts: import("../types.js").Parts}} Props */
/** @typedef {import("../state/state.js").Tool} Tool */

const SPEEDS = [0.25, 0.5, 1, 2, 4];
/** @type {[Tool, string, string][]} tool, name, key */
const TOOLS = [
  ["click", "Click", "C"], ["box", "Box", "X"], ["brush", "Brush", "B"],
  ["eraser", "Eraser", "E"], ["polygon", "Polygon", "P"], ["ellipse", "Ellipse", "I"],
];

/** @param {Props} props */
export function Toolbar({ state, parts }) {
  return html`
    <div class="toolbar" role="group" aria-label="Tools and playing">
      <${Tools} state=${state} parts=${parts} />
      <${Shown} state=${state} parts=${parts} />
      <${Transport} state=${state} parts=${parts} />
      <${ReviewButtons} state=${state} parts=${parts} />
    </div>`;
}

/** @param {Props} props */
function Tools({ state, parts }) {
  const { store, prompts } = parts;
  const isLooking = state.looked !== null;
  return html`
    <span class="group drawing" role="group" aria-label="Tool">
      ${TOOLS.map(([tool, name, key]) => html`
        <button aria-pressed=${state.tool === tool} disabled=${isLooking} title=${`${name} (${key})`}
          onClick=${() => store.act("set", { tool })}>${name}</button>`)}
    </span>
    <span class="group drawing">
      <button title="Undo (Ctrl+Z)" aria-label="Undo" disabled=${isLooking} onClick=${() => prompts.undo()}>↶</button>
      <button title="Redo (Ctrl+Y)" aria-label="Redo" disabled=${isLooking} onClick=${() => prompts.redo()}>↷</button>
    </span>`;
}

/** @param {Props} props */
function Transport({ state, parts }) {
  const { store, review } = parts;
  const setSpeed = (/** @type {Event} */ { target }) =>
    store.act("set", { speed: Number(/** @type {HTMLSelectElement} */ (target).value) });
  return html`
    <span class="group playing">
      <button title="Previous human frame (,)" aria-label="Previous human frame"
        onClick=${() => review.toHumanFrame(-1)}>‹ human</button>
      <button title="Previous frame (←)" aria-label="Previous frame" onClick=${() => step(store, -1)}>◀</button>
      <button class="play" title="Play or pause (Space)" aria-label=${state.playing ? "Pause" : "Play"}
        onClick=${() => store.act("set", { playing: !state.playing })}>${state.playing ? "❚❚" : "▶"}</button>
      <button title="Next frame (→)" aria-label="Next frame" onClick=${() => step(store, 1)}>▶|</button>
      <button title="Next human frame (.)" aria-label="Next human frame"
        onClick=${() => review.toHumanFrame(1)}>human ›</button>
      <select aria-label="Speed" value=${state.speed} onChange=${setSpeed}>
        ${SPEEDS.map((speed) => html`<option value=${speed}>${speed}×</option>`)}
      </select>
      <button aria-pressed=${state.loop} title="Loop (L)" onClick=${() => store.act("set", { loop: !state.loop })}>Loop</button>
      <span class="position">${state.frame + 1} / ${state.video.frame_count}</span>
    </span>`;
}

/** @param {Props} props */
function ReviewButtons({ state, parts }) {
  const { review } = parts;
  const { rangeStart, frame } = state;
  const isLooking = state.looked !== null;
  return html`
    <span class="group review">
      <button class="strong" title="Next uncertain frame (N)" onClick=${() => review.toUncertainFrame()}>
        Next uncertain</button>
      <button title="This frame is right (Enter)" disabled=${isLooking} onClick=${() => review.approve()}>✓ Right</button>
      <button aria-pressed=${rangeStart !== null} disabled=${isLooking} onClick=${() => review.markRange()}
        title=${rangeStart === null ? "Start a range of right frames here (M)" : "Give the range up (M)"}>
        ${rangeStart === null ? "from here" : `from ${rangeStart + 1}`}</button>
      ${rangeStart !== null && html`
        <button title="All frames of the range are right (Shift+Enter)" onClick=${() => review.approveRange()}>
          ✓ ${Math.min(rangeStart, frame) + 1}–${Math.max(rangeStart, frame) + 1}</button>`}
    </span>`;
}

/** @param {Props} props */
function Shown({ state, parts }) {
  const { store } = parts;
  return html`
    <span class="group">
      <button aria-pressed=${state.hover} title="Mask under the mouse (H)"
        onClick=${() => store.act("set", { hover: !state.hover })}>Preview</button>
      <button aria-pressed=${state.boxes} title="Boxes of the masks (V)"
        onClick=${() => store.act("set", { boxes: !state.boxes })}>Boxes</button>
      <button aria-pressed=${state.thumbnails} title="Frames around this one (T)"
        onClick=${() => store.act("set", { thumbnails: !state.thumbnails })}>Frames</button>
      <button title="Help (?)" aria-label="Help" onClick=${() => store.act("set", { help: true })}>?</button>
    </span>`;
}
