// Everything around the canvas: toolbar, objects, notices, progress, help. Draws the state; tells the controller.

import { html, useState } from "./vendor/htm-preact.js";
import { BINDINGS } from "./keys.js";
import { UNCERTAIN_FROM } from "./controller.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const TOOL_NAMES = {
  click: ["Click", "C"], box: ["Box", "X"], brush: ["Brush", "B"],
  eraser: ["Eraser", "E"], polygon: ["Polygon", "P"], ellipse: ["Ellipse", "I"],
};

/** @param {{state: import("./state.js").State, parts: any}} props */
export function Notice({ state, parts }) {
  if (!state.notice) return html`<div class="notice" role="status"></div>`;
  const { text, wayOut, kind } = state.notice;
  return html`
    <div class=${`notice ${kind}`} role=${kind === "error" ? "alert" : "status"}>
      <span>${text} ${wayOut}</span>
      <button aria-label="Close the message" onClick=${() => parts.store.act("notice", null)}>×</button>
    </div>`;
}

/** @param {{state: import("./state.js").State, parts: any}} props */
export function Toolbar({ state, parts }) {
  const { store, controller } = parts;
  const set = (/** @type {object} */ change) => () => store.act("set", change);
  return html`
    <div class="toolbar" role="toolbar" aria-label="Tools and playing">
      <span class="group" role="radiogroup" aria-label="Tool">
        ${Object.entries(TOOL_NAMES).map(([tool, [name, key]]) => html`
          <button role="radio" aria-checked=${state.tool === tool} title=${`${name} (${key})`}
            onClick=${set({ tool })}>${name}</button>`)}
      </span>
      <span class="group">
        <button title="Undo (Ctrl+Z)" aria-label="Undo" onClick=${() => controller.undo()}>↶</button>
        <button title="Redo (Ctrl+Y)" aria-label="Redo" onClick=${() => controller.redo()}>↷</button>
      </span>
      <span class="group">
        <button title="Previous human frame (,)" aria-label="Previous human frame"
          onClick=${() => controller.toHumanFrame(-1)}>‹ human</button>
        <button title="Previous frame (←)" aria-label="Previous frame"
          onClick=${() => store.act("frame", state.frame - 1)}>◀</button>
        <button class="play" title="Play or pause (Space)" aria-label=${state.playing ? "Pause" : "Play"}
          aria-pressed=${state.playing} onClick=${set({ playing: !state.playing })}>${state.playing ? "❚❚" : "▶"}</button>
        <button title="Next frame (→)" aria-label="Next frame"
          onClick=${() => store.act("frame", state.frame + 1)}>▶|</button>
        <button title="Next human frame (.)" aria-label="Next human frame"
          onClick=${() => controller.toHumanFrame(1)}>human ›</button>
        <select aria-label="Speed" value=${state.speed}
          onChange=${(/** @type {any} */ event) => store.act("set", { speed: Number(event.target.value) })}>
          ${SPEEDS.map((speed) => html`<option value=${speed}>${speed}×</option>`)}
        </select>
        <button aria-pressed=${state.loop} title="Loop (L)" onClick=${set({ loop: !state.loop })}>Loop</button>
        <output class="position" aria-label="Frame">${state.frame + 1} / ${state.video.frame_count}</output>
      </span>
      <span class="group">
        <button class="strong" title="Next uncertain frame (N)" onClick=${() => controller.toUncertainFrame()}>
          Next uncertain</button>
        <button title="This frame is right (Enter)" onClick=${() => controller.approve()}>✓ Right</button>
      </span>
      <span class="group end">
        <button aria-pressed=${state.hover} title="Mask under the mouse (H)" onClick=${set({ hover: !state.hover })}>
          Preview</button>
        <button aria-pressed=${state.boxes} title="Boxes of the masks (V)" onClick=${set({ boxes: !state.boxes })}>
          Boxes</button>
        <button title="Help (?)" aria-label="Help" onClick=${set({ help: true })}>?</button>
      </span>
    </div>`;
}

/** @param {{state: import("./state.js").State, parts: any}} props */
export function Carrying({ state, parts }) {
  const { controller } = parts;
  const [count, setCount] = useState(15);
  const { job } = state;
  const running = job !== null && ["queued", "running"].includes(job.state);
  const leftS = running && job.frames_per_s ? (job.total - job.done) / job.frames_per_s : null;
  return html`
    <div class="carrying" role="group" aria-label="Carry the masks on">
      <button title="To the start (both ways: G)" onClick=${() => controller.propagate("backward", null)}>◀◀ start</button>
      <button title="Back (R)" onClick=${() => controller.propagate("backward", count)}>◀ ${count}</button>
      <input type="number" min="1" max="9999" value=${count} aria-label="Frames to carry"
        onInput=${(/** @type {any} */ event) => setCount(Math.max(1, Number(event.target.value) || 1))} />
      <button class="strong" title="On (F)" onClick=${() => controller.propagate("forward", count)}>${count} ▶</button>
      <button class="strong" title="To the end (Shift+F)" onClick=${() => controller.propagate("forward", null)}>
        end ▶▶</button>
      <button title="Both ways (G)" onClick=${() => controller.propagate("both", null)}>◀ all ▶</button>
      <button title="On, until a mask is uncertain (U)"
        onClick=${() => controller.propagate("forward", null, { stopAt: UNCERTAIN_FROM })}>until uncertain</button>
      ${running && html`
        <progress max=${job.total || 1} value=${job.done} aria-label="Frames made"></progress>
        <span class="progress">${job.state === "queued" ? "waiting for a worker" : `${job.done} of ${job.total}`}
          ${job.frames_per_s ? ` · ${job.frames_per_s.toFixed(1)} frames/s` : ""}
          ${leftS === null ? "" : ` · ${duration(leftS)} left`}</span>
        <button class="stop" title="Stop; what is made stays (S)" onClick=${() => controller.stop()}>■ Stop</button>`}
      ${!running && state.busy > 0 && html`<span class="progress">working…</span>`}
    </div>`;
}

/** @param {number} seconds */
function duration(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

/** @param {{state: import("./state.js").State, parts: any}} props */
export function Objects({ state, parts }) {
  const { store, controller } = parts;
  return html`
    <aside class="objects" aria-label="Objects">
      <ul role="listbox" aria-label="Objects">
        ${state.objects.map((object, index) => html`
          <li key=${object.id} role="option" aria-selected=${object.id === state.selected}
            onClick=${() => store.act("select", object.id)}>
            <input type="color" value=${object.color} aria-label=${`Colour of ${object.id}`}
              onInput=${(/** @type {any} */ event) => store.act("changeObject", { id: object.id, color: event.target.value })} />
            <span class="name"><kbd>${index < 9 ? index + 1 : ""}</kbd> ${object.id}</span>
            <select aria-label=${`Label of ${object.id}`} value=${object.label}
              onChange=${(/** @type {any} */ event) => controller.rename(object.id, event.target.value)}>
              ${state.labels.map((label) => html`<option value=${label.name}>${label.name}</option>`)}
            </select>
            <button aria-pressed=${!object.visible} title="Hide"
              onClick=${() => store.act("changeObject", { id: object.id, visible: !object.visible })}>
              ${object.visible ? "hide" : "show"}</button>
            <button aria-pressed=${object.locked} title="Lock"
              onClick=${() => store.act("changeObject", { id: object.id, locked: !object.locked })}>
              ${object.locked ? "unlock" : "lock"}</button>
            <button title="Forget its prompts and masks" onClick=${() => controller.forget(object.id)}>×</button>
          </li>`)}
      </ul>
      <div class="add">
        ${state.labels.map((label) => html`
          <button title="Add an object (O)" onClick=${() => store.act("addObject", label.name)}>+ ${label.name}</button>`)}
        ${state.prompts.length > 0 && html`
          <button title="Forget the prompts and masks of all objects" onClick=${() => controller.forget(null)}>Forget all</button>`}
      </div>
      ${state.model.notice && html`<p class="model">${state.model.notice}</p>`}
    </aside>`;
}

/** @param {{state: import("./state.js").State, parts: any}} props */
export function Help({ state, parts }) {
  if (!state.help) return null;
  const close = () => parts.store.act("set", { help: false });
  return html`
    <div class="help" role="dialog" aria-modal="true" aria-label="Keys" onClick=${close}>
      <div onClick=${(/** @type {Event} */ event) => event.stopPropagation()}>
        <h2>Keys</h2>
        <p>Left click: on the object. Right click or Alt+click: not on it. Drag: a box. Wheel: zoom. Shift+drag: move the picture.</p>
        <dl>${BINDINGS.map(({ keys, text }) => html`
          <div><dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
        <button onClick=${close}>Close</button>
      </div>
    </div>`;
}
