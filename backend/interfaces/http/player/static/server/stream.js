// The server-sent events of the newest propagation. Opens again from the last cursor until the propagation ends.

/** @typedef {import("../types.js").Job} Job */
/** @typedef {import("../types.js").MaskEntry} MaskEntry */
/** @typedef {import("../types.js").Problem} Problem */
/**
 * @typedef {object} StreamListener
 * @property {(job: Job) => void} job
 * @property {(masks: MaskEntry[], cursor: string) => void} masks
 * @property {(problem: Problem) => void} problem
 * @property {() => void} end
 */

const RETRY_MS = 1500;

export class Stream {
  /**
   * @param {(cursor: string) => string} addressOf
   * @param {string} cursor
   * @param {StreamListener} on
   * @param {() => Promise<unknown>} signIn
   */
  constructor(addressOf, cursor, on, signIn) {
    this.addressOf = addressOf;
    this.cursor = cursor;
    this.on = on;
    this.signIn = signIn;
    this.timer = 0;
    this.isClosed = false;
    this.source = this.#open();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.source.close();
  }

  #open() {
    const source = new EventSource(this.addressOf(this.cursor));
    source.addEventListener("job", (event) => this.on.job(/** @type {Job} */ (JSON.parse(event.data))));
    source.addEventListener("masks", (event) => {
      const { masks, cursor } = /** @type {{masks: MaskEntry[], cursor: string}} */ (JSON.parse(event.data));
      this.cursor = cursor;
      this.on.masks(masks, cursor);
    });
    source.addEventListener("problem", (event) => this.on.problem(/** @type {Problem} */ (JSON.parse(event.data))));
    source.addEventListener("end", () => {
      this.close();
      this.on.end();
    });
    // A browser opens an interrupted stream again, but not one that was refused.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && !this.isClosed) this.#openLater();
    });
    return source;
  }

  #openLater() {
    this.timer = setTimeout(async () => {
      await this.signIn().catch(() => {});
      if (!this.isClosed) this.source = this.#open();
    }, RETRY_MS);
  }
}
