// Reads the timeline after changes: once for several, and seldom where reading takes long.

const SOON_MS = 400;
const SHARE = 4;

export class TimelineReader {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("./notices.js").Notices} notices
   */
  constructor(transport, store, notices) {
    this.transport = transport;
    this.store = store;
    this.notices = notices;
    this.timer = 0;
    this.lastMs = 0;
  }

  /** Reads the timeline soon. */
  soon() {
    if (this.timer) return;
    // A long video's timeline takes at most a quarter of the time while masks are made.
    this.timer = setTimeout(() => this.#read(), Math.max(SOON_MS, SHARE * this.lastMs));
  }

  async #read() {
    const startMs = performance.now();
    this.timer = 0;
    try {
      this.store.act("timeline", await this.transport.timeline());
      this.notices.succeed("timeline");
    } catch (error) {
      this.notices.fail(error, "timeline");
    }
    this.lastMs = performance.now() - startMs;
  }
}
