// What the page says to the person: one sentence and the way out, until it is dismissed or what failed succeeds.

import { ApiError, ConnectionLost, isAborted, isSignInNeeded } from "../server/errors.js";

export class Notices {
  /** @param {import("../state/state.js").Store} store */
  constructor(store) {
    this.store = store;
  }

  /**
   * @param {string} text  one sentence
   * @param {string} wayOut  what the person can do
   * @param {{kind?: "info" | "error", source?: string}} [options]
   */
  say(text, wayOut = "", { kind = "info", source = "page" } = {}) {
    this.store.act("notice", { text, wayOut, kind, source });
  }

  /**
   * Says what failed. A lost connection is said by the state "connected", and a missing sign-in has its form.
   * @param {unknown} error
   * @param {string} source  what failed: "change", "frames", "masks", "timeline", "propagation" or "page"
   */
  fail(error, source = "page") {
    if (error instanceof ConnectionLost || isAborted(error)) return;
    if (isSignInNeeded(error)) this.store.act("set", { needsToken: true });
    if (error instanceof ApiError) {
      this.say(error.message, error.wayOut, { kind: "error", source });
      return;
    }
    console.error(error);
    this.say("The page made a mistake.", "Reload it; what was drawn is on the server.", { kind: "error", source });
  }

  /** Takes back what was said of a source that succeeds again. @param {string} source */
  succeed(source) {
    if (this.store.state.notice?.source === source) this.dismiss();
  }

  dismiss() {
    this.store.act("notice", null);
  }
}
