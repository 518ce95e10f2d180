// The project, the views, and what the page says.

import { html, useState } from "../../../player/static/vendor/htm-preact.js";
import { ended } from "../../../player/static/view/sentences.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */

/** @type {[import("../types.js").ViewName, string][]} */
const VIEWS = [
  ["tasks", "Videos"], ["labels", "Counts"], ["people", "People"], ["queues", "Queues"], ["review", "Uncertainty"],
  ["training", "Training"], ["exports", "Exports"],
];

/** @param {Props} props */
export function Header({ state, parts }) {
  const { place, projects, name } = state;
  const choose = (/** @type {Event} */ { target }) =>
    parts.loading.filter({ project: Number(/** @type {HTMLSelectElement} */ (target).value), label: "", person: null });
  return html`
    <header>
      <h1>Masklet</h1>
      <label>Project
        <select value=${place.project} onChange=${choose}>
          ${projects.map((each) => html`<option value=${each.project}>${each.project} ${each.title}</option>`)}
        </select>
      </label>
      <nav aria-label="Views">
        ${VIEWS.map(([view, text]) => html`
          <button aria-current=${place.view === view ? "page" : undefined}
            onClick=${() => parts.loading.filter({ view })}>${text}</button>`)}
      </nav>
      <span class="who">${name}</span>
      <button title="Help (?)" aria-label="Help" onClick=${() => parts.store.set({ dialog: "help" })}>?</button>
    </header>`;
}

/** @param {Props} props */
export function Messages({ state, parts }) {
  const { notice, connected } = state;
  return html`
    <div class="messages" role="status">
      ${!connected && html`<p class="notice error" role="alert">Masklet does not answer. The page asks again by itself.</p>`}
      ${notice && html`
        <p class=${`notice ${notice.kind}`} role=${notice.kind === "error" ? "alert" : undefined}>
          <span>${ended(notice.text)} ${notice.wayOut}</span>
          <button aria-label="Close the message" onClick=${() => parts.store.set({ notice: null })}>×</button>
        </p>`}
    </div>`;
}

/** A sign-in by token, where the browser has no login to Label Studio. @param {Props} props */
export function SignIn({ state, parts }) {
  const [token, setToken] = useState("");
  if (!state.needsToken) return null;
  const signIn = (/** @type {Event} */ event) => {
    event.preventDefault();
    void parts.loading.open(state.place, token);
  };
  return html`
    <form class="sign-in" onSubmit=${signIn}>
      <p>Log in to Label Studio in this browser and reload the page, or give a token of Label Studio (Account & Settings).</p>
      <label>Token <input type="password" autocomplete="off" value=${token} required
        onInput=${(/** @type {Event} */ { target }) => setToken(/** @type {HTMLInputElement} */ (target).value)} /></label>
      <button class="strong">Sign in</button>
    </form>`;
}
