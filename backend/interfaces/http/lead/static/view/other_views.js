// The views beside the grid of tasks. Their modules are fetched after the grid is drawn, or when one of them is opened.

import { html } from "../../../player/static/vendor/htm-preact.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Parts} Parts */
/** @typedef {Exclude<import("../types.js").ViewName, "tasks">} Name */

export class OtherViews {
  #store;
  /** @type {Record<Name, (props: {state: State, parts: Parts}) => unknown> | null} */
  #views = null;
  #fetching = false;
  #failed = false;

  /** @param {import("../state/store.js").Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** Fetches the modules, if they are not there or on their way. */
  async fetch() {
    if (this.#views || this.#fetching) return;
    this.#fetching = true;
    try {
      const [{ Exports, Review }, { Labels, People, Queues }, { TrainingView }] = await Promise.all([
        import("./review.js"), import("./tables.js"), import("./training.js"),
      ]);
      this.#views = { labels: Labels, people: People, queues: Queues, review: Review, training: TrainingView, exports: Exports };
    } catch {
      this.#failed = true;
    }
    this.#fetching = false;
    if (this.#store.state.place.view !== "tasks") this.#store.set({}); // somebody waits for it
  }

  /** The view, or a sentence while its modules are fetched. @param {Name} name @param {State} state @param {Parts} parts */
  draw(name, state, parts) {
    if (this.#views) return html`<${this.#views[name]} state=${state} parts=${parts} />`;
    if (this.#failed) {
      return html`<p class="notice error" role="alert">The files of this view did not arrive.
        <button type="button" onClick=${() => location.reload()}>Open the page again</button></p>`;
    }
    void this.fetch();
    return html`<p class="notice">Opening the view…</p>`;
  }
}
