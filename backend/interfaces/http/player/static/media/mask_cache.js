// Masks of frames as run lengths, in blocks of frames as the server is asked for them.

import { farthest } from "./frame_cache.js";

/** @typedef {import("../types.js").MaskEntry} MaskEntry */
/** @typedef {{mask: MaskEntry | null, change: number}} Held  null: removed; change: the count of changes when it came */
/**
 * @typedef {object} Block
 * @property {"partial" | "loading" | "complete"} state  partial: only what a propagation sent
 * @property {Map<number, Map<string, Held>>} frames  by frame, then by object
 * @property {number} size  characters of run lengths
 * @property {number} request  the number of the newest request for it
 * @property {boolean} isKnown  the server has answered once
 */

export const BLOCK = 60;
export const MOST_CHARACTERS = 32 * 2 ** 20;
const ENTRY_CHARACTERS = 100;
const LEAST_BLOCKS = 4;
const RETRY_MS = 1000;

export class MaskCache {
  /**
   * @param {(start: number, stop: number) => Promise<{masks: MaskEntry[]}>} fetchMasks
   * @param {(frames: number[]) => void} onMasks  called with the frames whose masks changed
   * @param {(error: unknown) => void} onError
   */
  constructor(fetchMasks, onMasks, onError) {
    this.fetchMasks = fetchMasks;
    this.onMasks = onMasks;
    this.onError = onError;
    this.count = 0;
    this.center = 0;
    this.step = 1;
    /** @type {Map<number, Block>} */
    this.blocks = new Map();
    this.changes = 0;
    this.requests = 0;
    this.size = 0;
  }

  /** @param {number} frame @returns {MaskEntry[]} */
  at(frame) {
    return [...(this.#frame(frame)?.values() ?? [])].flatMap(({ mask }) => (mask ? [mask] : []));
  }

  /** @param {number} frame @param {string} object @returns {MaskEntry | undefined} */
  mask(frame, object) {
    return this.#frame(frame)?.get(object)?.mask ?? undefined;
  }

  /** A number that no other masks of the frame have had; 0: nothing is known. @param {number} frame @returns {number} */
  version(frame) {
    return Math.max(0, ...[...(this.#frame(frame)?.values() ?? [])].map((held) => held.change));
  }

  /** @param {number} frame @returns {boolean} whether the server's first answer about the frame is on its way */
  isLoading(frame) {
    const block = this.blocks.get(blockOf(frame));
    return block?.state === "loading" && !block.isKnown;
  }

  /** @param {number} frame @param {number} step */
  moveTo(frame, step = 1) {
    this.center = frame;
    this.step = step;
    this.want([frame, frame + step * BLOCK]);
  }

  /** Asks the server for the masks of these frames. @param {number[]} frames */
  want(frames) {
    for (const block of new Set(frames.map(blockOf))) void this.#load(block);
  }

  /** Makes the server be asked again for all masks; what is here is shown until then. */
  invalidate() {
    for (const block of this.blocks.values()) block.state = "partial";
    this.moveTo(this.center, this.step);
  }

  /** Asks the server again as `invalidate` does, but waits for what it has yet to answer. */
  refresh() {
    for (const block of this.blocks.values()) if (block.state === "complete") block.state = "partial";
    this.moveTo(this.center, this.step);
  }

  /** @param {string | null} object  null: all */
  drop(object) {
    this.changes += 1;
    const touched = [];
    for (const block of this.blocks.values()) {
      for (const [frame, held] of block.frames) {
        for (const id of held.keys()) if (object === null || id === object) this.#hold(frame, id, null);
        touched.push(frame);
      }
    }
    this.onMasks(touched);
  }

  /** @param {MaskEntry[]} masks */
  put(masks) {
    if (!masks.length) return;
    this.changes += 1;
    for (const mask of masks) this.#hold(mask.frame, mask.object, mask);
    this.#dropFarthest();
    this.onMasks([...new Set(masks.map((each) => each.frame))]);
  }

  /**
   * Replaces an object's mask of one frame; without one it goes.
   * @param {number} frame
   * @param {string} object
   * @param {MaskEntry[]} masks
   */
  replace(frame, object, masks) {
    this.changes += 1;
    this.#hold(frame, object, null);
    for (const mask of masks) this.#hold(mask.frame, mask.object, mask);
    this.onMasks([...new Set([frame, ...masks.map((each) => each.frame)])]);
  }

  /** @param {number} frame */
  #frame(frame) {
    return this.blocks.get(blockOf(frame))?.frames.get(frame);
  }

  /** @param {number} number @returns {Block} */
  #block(number) {
    let block = this.blocks.get(number);
    if (!block) this.blocks.set(number, (block = { state: "partial", frames: new Map(), size: 0, request: 0, isKnown: false }));
    return block;
  }

  /** @param {number} frame @param {string} object @param {MaskEntry | null} mask  null: there is none */
  #hold(frame, object, mask) {
    const block = this.#block(blockOf(frame));
    let here = block.frames.get(frame);
    if (!here) block.frames.set(frame, (here = new Map()));
    const grown = sizeOf(mask) - sizeOf(here.get(object)?.mask ?? null);
    here.set(object, { mask, change: this.changes });
    block.size += grown;
    this.size += grown;
  }

  /** @param {number} number */
  async #load(number) {
    const start = number * BLOCK;
    if (start < 0 || start >= this.count || this.#block(number).state !== "partial") return;
    const [block, asked, request] = [this.#block(number), this.changes, (this.requests += 1)];
    block.state = "loading";
    block.request = request;
    try {
      const { masks } = await this.fetchMasks(start, Math.min(start + BLOCK, this.count));
      if (this.blocks.get(number) !== block || block.request !== request) return;
      block.state = "complete";
      block.isKnown = true;
      this.#merge(block, masks, asked);
      this.#dropFarthest();
    } catch (error) {
      if (block.request === request) block.state = "partial";
      this.onError(error);
      setTimeout(() => this.moveTo(this.center, this.step), RETRY_MS);
    }
  }

  /**
   * Takes a block's masks as the server has them. What an edit or a propagation changed since then is newer, and stays;
   * so do masks that are the same, which need not be painted again.
   * @param {Block} block
   * @param {MaskEntry[]} masks
   * @param {number} asked  the count of changes when the server was asked
   */
  #merge(block, masks, asked) {
    this.changes += 1;
    const keyOf = (/** @type {number} */ frame, /** @type {string} */ object) => `${frame} ${object}`;
    const listed = new Set(masks.map((mask) => keyOf(mask.frame, mask.object)));
    for (const [frame, here] of block.frames) {
      for (const [object, { mask, change }] of here) {
        if (mask && change <= asked && !listed.has(keyOf(frame, object))) this.#hold(frame, object, null);
      }
    }
    for (const mask of masks) {
      const held = block.frames.get(mask.frame)?.get(mask.object);
      if (!held || (held.change <= asked && !isSame(held.mask, mask))) this.#hold(mask.frame, mask.object, mask);
    }
    // The open frame counts as changed even without masks: it is complete now.
    this.onMasks([...new Set([...block.frames.keys(), this.center])]);
  }

  #dropFarthest() {
    const center = this.center / BLOCK;
    while (this.size > MOST_CHARACTERS && this.blocks.size > LEAST_BLOCKS) {
      const far = farthest(this.blocks.keys(), (each) => Math.abs(each + 0.5 - center));
      const block = this.blocks.get(far);
      this.size -= block?.size ?? 0;
      this.blocks.delete(far);
    }
  }
}

/** @param {number} frame @returns {number} */
function blockOf(frame) {
  return Math.floor(frame / BLOCK);
}

/** @param {MaskEntry | null} one @param {MaskEntry} other @returns {boolean} */
function isSame(one, other) {
  return one !== null && one.rle?.counts === other.rle?.counts && one.origin === other.origin
    && one.uncertainty === other.uncertainty;
}

/** @param {MaskEntry | null} mask @returns {number} characters, about */
function sizeOf(mask) {
  return mask === null ? 0 : (mask.rle?.counts.length ?? 0) + ENTRY_CHARACTERS;
}
