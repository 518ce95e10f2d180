// The masks that are shown: the person's own, or those of another person.

/** @typedef {import("./mask_cache.js").MaskCache} MaskCache */
/** @typedef {Pick<ShownMasks, "mask" | "version" | "isLoading">} MaskReader  what pictures of masks are made from */

export class ShownMasks {
  /** @param {MaskCache} own */
  constructor(own) {
    this.own = own;
    this.cache = own;
    this.turn = 0;
  }

  /** Shows these masks from now on. @param {MaskCache} cache */
  show(cache) {
    this.cache = cache;
    this.turn += 1;
  }

  /** @param {number} frame @returns {import("../types.js").MaskEntry[]} */
  at(frame) {
    return this.cache.at(frame);
  }

  /** @param {number} frame @param {string} object @returns {import("../types.js").MaskEntry | undefined} */
  mask(frame, object) {
    return this.cache.mask(frame, object);
  }

  /** What no other masks of the frame have had, of whomever they are. @param {number} frame @returns {string | number} */
  version(frame) {
    return `${this.turn} ${this.cache.version(frame)}`;
  }

  /** @param {number} frame @returns {boolean} whether the server's first answer about the frame is on its way */
  isLoading(frame) {
    return this.cache.isLoading(frame);
  }

  /** @param {number} frame @param {number} step  1 or -1, the direction of play */
  moveTo(frame, step) {
    this.cache.moveTo(frame, step);
  }

  /** Asks the server for the masks of these frames. @param {number[]} frames */
  want(frames) {
    this.cache.want(frames);
  }
}
