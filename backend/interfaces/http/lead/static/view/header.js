// The project, the views, and what the page says.

import { html } from "../../../player/static/vendor/htm-preact.js";
import { ended } from "../../../player/static/view/sentences.js";
import { SignInForm } from "../../../player/static/view/sign_in.js";

/** @typedef {{state: import("../types.js").State, parts: import("../types.js").Parts}} Props */

/** @type {[import("../types.js").ViewName, string][]} */
const VIEWS = [
  ["tasks", "Videos"], ["labels", "Counts"], ["people", "People"], ["queues", "Queues"], ["review", "Uncertainty"],
  ["training", "Training"], ["exports", "Exports"],
];

/** @param {Props} props */
export function Header({ state, parts }) {
  const { place, name } = state;
  // The server keeps its list of projects for a minute: a newer one is shown by its number alone.
  const isListed = !place.project || state.projects.some((each) => each.project === place.project);
  const projects = isListed ? state.projects : [...state.projects, { project: place.project, title: "" }];
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

/** @param {Props} props */
export function SignIn({ state, parts }) {
  return state.needsToken && html`<${SignInForm} onToken=${(/** @type {string} */ token) => void parts.loading.open(state.place, token)} />`;
}
