// Activity: tells the server that the person works, by small beats. A lost beat costs nothing: the server bridges gaps.

/** The shortest time between two beats; the server's rule expects it (domain/crowd/effort.py). */
export const BEAT_MS = 10000;
const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel"];

export class Activity {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {{now?: () => number, isVisible?: () => boolean}} [clock]  replaced in tests
   */
  constructor(transport, store, { now = () => performance.now(), isVisible = () => !document.hidden } = {}) {
    this.transport = transport;
    this.store = store;
    this.now = now;
    this.isVisible = isVisible;
    this.sentAt = -Infinity;
    this.isPending = false;
  }

  /** Listens to the person's input. A page in a frame sees its own input only. @param {Window} target */
  listen(target) {
    for (const name of INPUTS) target.addEventListener(name, () => this.touch(), { capture: true, passive: true });
    document.addEventListener("visibilitychange", () => this.#leave());
    setInterval(() => this.#sendIfDue(), BEAT_MS / 4);
  }

  /** There was input. The first after a pause is told at once, later ones once a beat. */
  touch() {
    this.isPending = true;
    this.#sendIfDue();
  }

  #sendIfDue() {
    if (this.isPending && this.isVisible() && this.now() - this.sentAt >= BEAT_MS) this.#send();
  }

  /** The tab is left: what was done since the last beat is told now. */
  #leave() {
    if (this.isPending && !this.isVisible()) this.#send();
  }

  #send() {
    this.isPending = false;
    this.sentAt = this.now();
    this.transport.beat(this.store.state.selected || null).catch(() => {});
  }
}
