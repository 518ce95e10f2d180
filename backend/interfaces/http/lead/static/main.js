// Puts the page together: transport, state, actions, views.

import { oncePerFrame } from "../../player/static/view/draw_once.js";
import { html, render } from "../../player/static/vendor/htm-preact.js";
import { Loading } from "./actions/loading.js";
import { Training } from "./actions/training.js";
import { Work } from "./actions/work.js";
import { onKey } from "./keys.js";
import { Transport } from "./server/transport.js";
import { placeOf } from "./state/address.js";
import { Store } from "./state/store.js";
import { ActionsBar, ProgressBar } from "./view/actions_bar.js";
import { Dialogs } from "./view/dialogs.js";
import { Filters } from "./view/filters.js";
import { Grid } from "./view/grid.js";
import { Header, Messages, SignIn } from "./view/header.js";
import { Exports, Review } from "./view/review.js";
import { Labels, People, Queues } from "./view/tables.js";
import { Thumbnails } from "./view/thumbnails.js";
import { TrainingView } from "./view/training.js";

/** @typedef {{state: import("./types.js").State, parts: import("./types.js").Parts}} Props */

const root = /** @type {HTMLElement} */ (document.getElementById("lead"));
const store = new Store();
const transport = new Transport();
const loading = new Loading(transport, store);
const work = new Work(transport, store, loading);
const training = new Training(transport, store, loading);
const thumbnails = new Thumbnails((address, signal) => transport.picture(address, signal));
/** @type {import("./types.js").Parts} */
const parts = { store, transport, loading, work, training, thumbnails };

const VIEWS = { labels: Labels, people: People, queues: Queues, review: Review, training: TrainingView, exports: Exports };

/** @param {Props} props */
function Page({ state }) {
  const { view } = state.place;
  if (!state.ready) return html`<${Messages} state=${state} parts=${parts} /><${SignIn} state=${state} parts=${parts} />`;
  return html`
    <${Header} state=${state} parts=${parts} />
    <${Messages} state=${state} parts=${parts} />
    <${ProgressBar} state=${state} parts=${parts} />
    <main aria-busy=${state.loading}>
      ${view === "tasks"
        ? html`
          <${Filters} state=${state} parts=${parts} />
          <${ActionsBar} state=${state} parts=${parts} />
          <${Grid} state=${state} parts=${parts} />`
        : html`<${VIEWS[view]} state=${state} parts=${parts} />`}
    </main>
    <${Dialogs} state=${state} parts=${parts} />`;
}

store.listen(oncePerFrame(() => render(html`<${Page} state=${store.state} parts=${parts} />`, root)));
document.addEventListener("keydown", (event) => onKey(event, parts));
window.addEventListener("popstate", () => loading.go(placeOf(location.search), { isNew: false }));
/** For tests and the console. */
Object.assign(window, { masklet: parts });

root.textContent = "";
store.set({ place: placeOf(location.search) });
await loading.open(store.state.place);
root.removeAttribute("aria-busy");
