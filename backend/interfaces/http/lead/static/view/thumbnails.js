// Thumbnails: fetched a few at a time while they are in sight, so that other calls do not wait behind them.

import { isAborted } from "../../../player/static/server/errors.js";

const AT_ONCE = 3;
const KEPT = 400;

/** @typedef {(sentence: string) => void} OnMissing  is told why there is no picture */
/** @typedef {{image: HTMLImageElement, address: string, onMissing: OnMissing, abort: AbortController | null}} Wanted */

export class Thumbnails {
  /** @param {(address: string, signal: AbortSignal) => Promise<Blob>} load */
  constructor(load) {
    this.load = load;
    /** @type {Map<string, string>} address of the API to address of the picture, the longest unused first */
    this.made = new Map();
    /** @type {Map<Element, Wanted>} */
    this.watched = new Map();
    /** @type {Wanted[]} */
    this.queue = [];
    this.running = 0;
    this.observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "200px" });
  }

  /**
   * Shows a picture in an image once it is in sight.
   * @param {HTMLImageElement} image
   * @param {string} address
   * @param {OnMissing} onMissing
   * @returns {() => void} ends it
   */
  show(image, address, onMissing) {
    const known = this.made.get(address);
    if (known !== undefined) {
      image.src = known;
      image.dataset.state = "shown";
      return () => {};
    }
    image.removeAttribute("src");
    image.dataset.state = "waiting";
    /** @type {Wanted} */
    const wanted = { image, address, onMissing, abort: null };
    this.watched.set(image, wanted);
    this.observer.observe(image);
    return () => {
      this.observer.unobserve(image);
      this.watched.delete(image);
      this.queue = this.queue.filter((each) => each !== wanted);
      wanted.abort?.abort();
    };
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const wanted = this.watched.get(target);
      if (!wanted) continue;
      this.queue = this.queue.filter((each) => each !== wanted);
      if (isIntersecting && !wanted.abort) this.queue.push(wanted);
    }
    this.#next();
  }

  #next() {
    while (this.running < AT_ONCE) {
      const wanted = this.queue.shift();
      if (!wanted) return;
      this.observer.unobserve(wanted.image);
      void this.#fetch(wanted);
    }
  }

  /** @param {Wanted} wanted */
  async #fetch(wanted) {
    this.running += 1;
    wanted.abort = new AbortController();
    try {
      const blob = await this.load(wanted.address, wanted.abort.signal);
      const picture = URL.createObjectURL(blob);
      this.#keep(wanted.address, picture);
      wanted.image.src = picture;
      wanted.image.dataset.state = "shown";
    } catch (error) {
      if (!isAborted(error)) {
        wanted.image.dataset.state = "missing";
        wanted.onMissing(error instanceof Error ? error.message : "");
      }
    }
    this.running -= 1;
    this.#next();
  }

  /** @param {string} address @param {string} picture */
  #keep(address, picture) {
    this.made.set(address, picture);
    const [oldest] = this.made;
    if (this.made.size <= KEPT || !oldest) return;
    URL.revokeObjectURL(oldest[1]);
    this.made.delete(oldest[0]);
  }
}
