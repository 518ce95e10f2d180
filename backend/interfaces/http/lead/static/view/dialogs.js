// Dialogs: the comment of what is sent back, the options of an export, the keys.

import { html, useEffect, useRef, useState } from "../../../player/static/vendor/htm-preact.js";
import { BINDINGS } from "../keys.js";
import { counted } from "./words.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */

const FORMATS = [
  "coco", "coco-rle", "davis", "sav", "youtubevis", "mot", "mots", "yolo-seg", "yolo", "boxes-csv", "overlay",
  "greenscreen", "labelstudio",
];

/** @param {Props} props */
export function Dialogs({ state, parts }) {
  if (state.dialog === "send back") return html`<${SendBack} state=${state} parts=${parts} />`;
  if (state.dialog === "export") return html`<${ExportOptions} state=${state} parts=${parts} />`;
  if (state.dialog === "help") return html`<${Help} state=${state} parts=${parts} />`;
  return null;
}

/** @param {{name: string, parts: import("../types.js").Parts, children?: unknown}} props */
function Dialog({ name, parts, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => dialog.current?.showModal(), []);
  return html`
    <dialog ref=${dialog} aria-label=${name} onClose=${() => parts.store.set({ dialog: "" })}>
      <h2>${name}</h2>
      ${children}
    </dialog>`;
}

/** @param {Event} event @param {string} field */
function valueOf(event, field) {
  return String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get(field) ?? "");
}

/** @param {Props} props */
function SendBack({ state, parts }) {
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    void parts.work.judge(/** @type {"redo" | "reject"} */ (valueOf(event, "verdict")), valueOf(event, "comment").trim());
  };
  return html`
    <${Dialog} name=${`Send ${counted(state.selected.length, "video")} back`} parts=${parts}>
      <form onSubmit=${send}>
        <label>What is to be done <textarea name="comment" maxlength="2000" rows="3" autofocus></textarea></label>
        <label><input type="radio" name="verdict" value="redo" checked /> redo: prompt or draw again</label>
        <label><input type="radio" name="verdict" value="reject" /> reject: of no use</label>
        <p><button class="strong">Send back</button>${" "}
          <button type="button" onClick=${() => parts.store.set({ dialog: "" })}>Cancel</button></p>
      </form>
    <//>`;
}

/** @param {Props} props */
function ExportOptions({ state, parts }) {
  const [format, setFormat] = useState(FORMATS[0]);
  const what = state.selected.length ? counted(state.selected.length, "video") : "the whole project";
  const start = (/** @type {Event} */ event) => {
    event.preventDefault();
    const [verdict, labels, annotator] = ["verdict", "labels", "annotator"].map((each) => valueOf(event, each));
    void parts.work.export({ format, verdict, labels, annotator });
  };
  return html`
    <${Dialog} name=${`Export ${what}`} parts=${parts}>
      <form onSubmit=${start}>
        <label>Format <select name="format" value=${format} autofocus
          onChange=${(/** @type {Event} */ { target }) => setFormat(/** @type {HTMLSelectElement} */ (target).value)}>
          ${FORMATS.map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
        <label>Masks of <select name="labels">
          <option value="annotations">annotations</option><option value="predictions">predictions</option>
          <option value="both">annotations, else predictions</option></select></label>
        <label>Verdict <select name="verdict">
          <option value="all">all</option><option value="satisfactory">accepted</option>
          <option value="satisfactory,none">accepted, or without a verdict</option></select></label>
        <label>Of several annotations <select name="annotator">
          <option value="newest">the newest</option><option value="best">the one that agrees most</option>
          <option value="consensus">consensus</option><option value="each">each</option></select></label>
        <p><button class="strong">Export</button>${" "}
          <button type="button" onClick=${() => parts.store.set({ dialog: "" })}>Cancel</button></p>
      </form>
    <//>`;
}

/** @param {Props} props */
function Help({ parts }) {
  return html`
    <${Dialog} name="Keys" parts=${parts}>
      <dl>${BINDINGS.map(({ keys, text }) => html`
        <div><dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
      <button onClick=${() => parts.store.set({ dialog: "" })}>Close</button>
    <//>`;
}
