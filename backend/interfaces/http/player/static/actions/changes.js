// Calls that change something on the server, one after another in the order of the person's actions.

import { ConnectionLost } from "../server/errors.js";
import { nameOf } from "../state/shown.js";

export class Changes {
  /**
   * @param {import("../state/state.js").Store} store
   * @param {import("./notices.js").Notices} notices
   * @param {import("../server/connection.js").Connection} connection
   */
  constructor(store, notices, connection) {
    this.store = store;
    this.notices = notices;
    this.connection = connection;
    /** @type {Promise<unknown>} */
    this.queue = Promise.resolve();
  }

  /**
   * Runs a change after the changes before it. Without an answer it is sent again: each change sets what it names, so
   * twice is as good as once.
   * @param {() => Promise<unknown>} change
   */
  add(change) {
    this.store.act("busy", 1);
    this.queue = this.queue.then(() => this.#untilAnswered(change))
      .then(() => this.notices.dismiss(), (error) => this.notices.fail(error, "change"))
      .finally(() => this.store.act("busy", -1));
  }

  /** Waits until the changes so far have been answered. @returns {Promise<unknown>} */
  settled() {
    return this.queue;
  }

  /** Refuses, with a sentence, to change anything while another person's masks are shown. @returns {boolean} whether it does */
  refuse() {
    const { looked } = this.store.state;
    if (!looked) return false;
    const text = `These masks are to look at only: they are those of ${nameOf(looked.user)}.`;
    this.notices.say(text, "Press Y to go back to your own.", { source: "looking" });
    return true;
  }

  /** @param {() => Promise<unknown>} change */
  async #untilAnswered(change) {
    for (;;) {
      try {
        return await change();
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await this.connection.back();
      }
    }
  }
}
