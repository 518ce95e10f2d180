// Looks at the masks of another person, to read only, and reads them again while that person may work on them.

import { MaskCache } from "../media/mask_cache.js";
import { ApiError } from "../server/errors.js";

const FORBIDDEN = 403;
const LOOK_AGAIN_MS = 5000;
const LIST_AGAIN_MS = 30_000;
const SHARE = 4;

export class Looking {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/shown_masks.js").ShownMasks} shownMasks
   * @param {import("./notices.js").Notices} notices
   * @param {(frames: number[]) => void} onMasks  called with the frames whose masks changed
   * @param {() => boolean} isDrawing  whether something is being drawn
   */
  constructor(transport, store, shownMasks, notices, onMasks, isDrawing) {
    this.transport = transport;
    this.store = store;
    this.shownMasks = shownMasks;
    this.notices = notices;
    this.onMasks = onMasks;
    this.isDrawing = isDrawing;
    this.timer = 0;
    this.isReading = false;
    this.lastMs = 0;
    /** Whether people can look at each other's masks. */
    this.isAllowed = false;
  }

  /** Shows the masks of a person. @param {string} user */
  look(user) {
    if (this.store.state.looked?.user === user) return;
    if (this.isDrawing()) {
      this.notices.say("Something is being drawn.", "Close it (Enter) or give it up (Escape) first.");
      return;
    }
    this.#end();
    const cache = new MaskCache(
      (start, stop) => this.transport.masks(start, stop, user),
      this.onMasks,
      (error) => { if (this.shownMasks.cache === cache) this.#fail(error, "masks"); },
    );
    cache.count = this.store.state.video.frame_count;
    this.shownMasks.show(cache);
    this.store.act("look", user);
    this.refresh();
  }

  /** Shows the person's own masks again. */
  back() {
    if (!this.store.state.looked) return;
    this.#end();
    this.shownMasks.show(this.shownMasks.own);
    this.store.act("look", null);
    this.notices.succeed("looking");
    this.refresh();
  }

  /** Shows the masks of the next person; after the last, the person's own. */
  async next() {
    await this.#list();
    const { people, looked } = this.store.state;
    const next = people[looked ? people.indexOf(looked.user) + 1 : 0];
    if (next !== undefined) this.look(next);
    else if (looked) this.back();
    else this.notices.say("There are no masks of other people to look at.");
  }

  /** Reads anew, now and from time to time: whom one can look at, or what is looked at. */
  refresh() {
    clearTimeout(this.timer);
    if (this.isReading) return;
    void this.#refresh();
  }

  async #refresh() {
    const { looked } = this.store.state;
    this.isReading = true;
    if (!document.hidden && this.store.state.connected) await (looked ? this.#read(looked.user) : this.#list());
    this.isReading = false;
    const now = this.store.state.looked;
    if (!this.isAllowed) return;
    // Who or what is looked at may have changed during the read.
    if (now?.user !== looked?.user) this.refresh();
    else this.timer = setTimeout(() => this.refresh(), now ? Math.max(LOOK_AGAIN_MS, SHARE * this.lastMs) : LIST_AGAIN_MS);
  }

  async #list() {
    if (!this.isAllowed) return;
    try {
      const { users } = await this.transport.users();
      this.store.act("people", users.filter((each) => !each.is_you).map((each) => each.user));
    } catch (error) {
      // A failed list is asked for again, and hides nothing of the person's own.
      if (isForbidden(error)) this.isAllowed = false;
    }
  }

  /** @param {string} user */
  async #read(user) {
    const startMs = performance.now();
    try {
      const answer = await this.transport.timeline(user);
      this.store.act("lookedTimeline", { user, answer });
      // While the video plays, pictures would wait for the masks.
      if (!this.store.state.playing && this.store.state.looked?.user === user) this.shownMasks.cache.refresh();
      this.notices.succeed("timeline");
    } catch (error) {
      if (this.store.state.looked?.user === user) this.#fail(error, "timeline");
    }
    this.lastMs = performance.now() - startMs;
  }

  /** @param {unknown} error @param {string} source */
  #fail(error, source) {
    if (isForbidden(error)) {
      this.isAllowed = false;
      this.back();
      this.store.act("people", []);
    }
    this.notices.fail(error, source);
  }

  /** Ends the reads of the masks that were looked at. */
  #end() {
    if (this.shownMasks.cache !== this.shownMasks.own) this.shownMasks.cache.count = 0;
  }
}

/** @param {unknown} error @returns {boolean} */
function isForbidden(error) {
  return error instanceof ApiError && error.status === FORBIDDEN;
}
