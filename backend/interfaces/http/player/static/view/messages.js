// What the page says: the notice with its way out, a lost connection, a missing sign-in, and the help.

import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { BINDINGS } from "../keys.js";
import { ended } from "./sentences.js";
import { SignInForm } from "./sign_in.js";

/** @typedef {{state: import("../state/state.js").State, parts: import("../types.js").Parts}} Props */

/** @param {Props} props */
export function Notice({ state, parts }) {
  const { notice, connected, busy, needsToken } = state;
  const waiting = busy ? ` ${busy === 1 ? "One change waits." : `${busy} changes wait.`}` : "";
  return html`
    <div class="messages" role="status">
      ${!connected && html`
        <p class="notice error" role="alert">Masklet does not answer. The page asks again by itself.${waiting}</p>`}
      ${notice && html`
        <p class=${`notice ${notice.kind}`} role=${notice.kind === "error" ? "alert" : undefined}>
          <span>${ended(notice.text)} ${notice.wayOut}</span>
          <button aria-label="Close the message" onClick=${() => parts.notices.dismiss()}>×</button>
        </p>`}
      ${needsToken && html`<${SignInForm} onToken=${(/** @type {string} */ token) => void parts.signIn.withToken(token)} />`}
    </div>`;
}

/** @param {Props} props */
export function Help({ state, parts }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    if (state.help) dialog.current?.showModal();
  }, [state.help]);
  if (!state.help) return null;
  const close = () => {
    parts.store.act("set", { help: false });
    parts.stage.canvas.focus();
  };
  return html`
    <dialog class="help" ref=${dialog} aria-label="Keys" onClose=${close}
      onClick=${(/** @type {MouseEvent} */ event) => event.target === dialog.current && close()}>
      <div>
        <h2>Keys</h2>
        <p>Left click: on the object. Right click or Alt+click: not on it. Drag: a box. Wheel: zoom. Shift+drag: move the picture.</p>
        <dl>${BINDINGS.map(({ keys, text }) => html`
          <div><dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
        <button onClick=${close}>Close</button>
      </div>
    </dialog>`;
}
