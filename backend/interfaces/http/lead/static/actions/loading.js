// What is read from the server for the open view, and when it is read again.

import { ApiError, ConnectionLost, isAborted, isSignInNeeded } from "../../../player/static/server/errors.js";
import { addressOf, filterOf, listQuery } from "../state/address.js";

/** @typedef {import("../types.js").Place} Place */
/** @typedef {import("../types.js").State} State */

const AGAIN_MS = 2000;
const LOST_MS = 3000;

/** @type {Partial<State>} what belongs to one project */
const EMPTY = {
  list: null, labels: null, people: null, queues: null, review: null, exports: null, training: null, progress: null,
  selected: [],
};

export class Loading {
  /** @param {import("../server/transport.js").Transport} transport @param {import("../state/store.js").Store} store */
  constructor(transport, store) {
    this.transport = transport;
    this.store = store;
    this.timer = 0;
    this.turn = 0;
    transport.onReach = (answered) => {
      if (store.state.connected !== answered) store.set({ connected: answered });
    };
    transport.onSignIn = () => store.set({ needsToken: false });
  }

  /**
   * Reads the projects, and the open one beside them. Signs in first where the browser has no sign-in.
   * @param {Place} place
   * @param {string} [token]
   */
  async open(place, token = "") {
    try {
      if (token) await this.transport.signIn(token);
      const answer = this.transport.projects();
      if (place.project) this.go(place, { isNew: false });
      const { name, projects } = await answer;
      this.store.set({ name, projects, ready: true, notice: null });
      if (!projects.length) this.store.say("There is no project yet.", "Make one: masklet project create NAME.");
      else if (!place.project) this.go({ ...place, project: projects[0].project }, { isNew: false });
    } catch (error) {
      clearTimeout(this.timer);
      this.fail(error);
      if (error instanceof ConnectionLost) setTimeout(() => void this.open(place, token), LOST_MS);
    }
  }

  /** Shows another place. @param {Place} place @param {{isNew?: boolean}} [options]  isNew: back leads here again */
  go(place, { isNew = true } = {}) {
    const isOther = place.project !== this.store.state.place.project;
    const address = addressOf(place);
    if (isNew && address !== location.search) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    this.store.set({ ...(isOther ? EMPTY : {}), place });
    void this.refresh();
  }

  /** Changes the filter; the first page is shown. @param {Partial<Place>} change */
  filter(change) {
    this.go({ ...this.store.state.place, page: 1, ...change });
  }

  /** Reads the open view. */
  async refresh() {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    const { place } = this.store.state;
    if (!place.project) return;
    this.store.set({ loading: true });
    try {
      const [view, progress] = await Promise.all([this.#view(place), this.transport.progress(place.project)]);
      if (turn === this.turn) this.store.set({ ...view, progress });
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
    if (turn !== this.turn) return;
    this.store.set({ loading: false });
    const { connected } = this.store.state;
    if (!connected || isUnfinished(this.store.state)) {
      this.timer = setTimeout(() => void this.refresh(), connected ? AGAIN_MS : LOST_MS);
    }
  }

  /** @param {Place} place @returns {Promise<Partial<State>>} */
  async #view(place) {
    const { project, view } = place;
    if (view === "labels") return { labels: (await this.transport.labels(project)).rows };
    if (view === "people") return { people: await this.transport.people(project) };
    if (view === "queues") return { queues: (await this.transport.queues(project)).queues };
    if (view === "review") return { review: await this.transport.review(project) };
    if (view === "training") return { training: await this.transport.trainings(project) };
    if (view === "exports") return { exports: await this.transport.exports(project) };
    return { list: await this.transport.tasks(project, listQuery(place)) };
  }

  /** All tasks that meet the filter. @returns {Promise<number[]>} */
  async matching() {
    const { place } = this.store.state;
    /** @type {number[]} */
    const found = [];
    for (let page = 1; ; page += 1) {
      const query = filterOf(place);
      query.set("page", String(page));
      query.set("page_size", "200");
      const list = await this.transport.tasks(place.project, query);
      found.push(...list.tasks.map((each) => each.task));
      if (!list.tasks.length || found.length >= list.total) return found;
    }
  }

  /** Does work, says what failed, and reads the view again. @param {() => Promise<void>} work */
  async after(work) {
    this.store.set({ busy: this.store.state.busy + 1, dialog: "" });
    try {
      await work();
    } catch (error) {
      this.fail(error);
    }
    this.store.set({ busy: this.store.state.busy - 1 });
    await this.refresh();
  }

  /** Says what failed. @param {unknown} error */
  fail(error) {
    if (error instanceof ConnectionLost || isAborted(error)) return;
    if (error instanceof ApiError) {
      if (isSignInNeeded(error)) this.store.set({ needsToken: true });
      this.store.say(error.message, error.wayOut, "error");
      return;
    }
    console.error(error);
    this.store.say("The page made a mistake.", "Reload it; nothing is lost.", "error");
  }
}

/** Whether the server is still at work on what the open view shows. @param {State} state */
function isUnfinished({ place, list, people, review, exports, training, progress }) {
  if (progress?.is_open) return true;
  if (place.view === "tasks") return list !== null && (list.unread > 0 || !list.is_listed || list.is_measuring);
  if (place.view === "people") return people?.is_measuring ?? false;
  if (place.view === "review") return (review?.unread ?? 0) > 0;
  if (place.view === "training") return training?.trainings.some(isOpen) ?? false;
  return place.view === "exports" && (exports?.exports.some((each) => each.state === "running") ?? false);
}

/** Whether a training has not ended. @param {import("../types_training.js").Training} training */
export function isOpen(training) {
  return training.state === "queued" || training.state === "running";
}
