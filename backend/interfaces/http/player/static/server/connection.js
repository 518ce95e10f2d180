// Whether the server answers. Asks again until it does, and says so to the state.

const FIRST_MS = 300;
const AGAIN_MS = 1500;

export class Connection {
  /**
   * @param {import("./transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {() => void} onBack  called when a lost connection is back
   */
  constructor(transport, store, onBack) {
    this.transport = transport;
    this.store = store;
    this.onBack = onBack;
    /** @type {(() => void)[]} */
    this.waiting = [];
    transport.onReach = (answered) => (answered ? this.#found() : this.#lost());
  }

  /** Resolves when the server answers again. @returns {Promise<void>} */
  back() {
    return new Promise((resume) => {
      if (this.store.state.connected) setTimeout(resume, FIRST_MS);
      else this.waiting.push(resume);
    });
  }

  #lost() {
    if (!this.store.state.connected) return;
    this.store.act("set", { connected: false });
    setTimeout(() => this.#ask(), FIRST_MS);
  }

  async #ask() {
    if (this.store.state.connected) return;
    // Whatever is answered, an answer is a connection: the transport says so.
    await this.transport.ping().catch(() => {});
    if (!this.store.state.connected) setTimeout(() => this.#ask(), AGAIN_MS);
  }

  #found() {
    if (this.store.state.connected) return;
    this.store.act("set", { connected: true });
    for (const resume of this.waiting.splice(0)) resume();
    this.onBack();
  }
}
