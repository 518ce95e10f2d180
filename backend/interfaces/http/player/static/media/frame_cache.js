// Pictures of frames: compressed ones in a window around the play head, decoded ones in a smaller window.

import { isAborted } from "../server/errors.js";

export const ENCODED_BYTES = 64 * 2 ** 20;
export const DECODED_BYTES = 64 * 2 ** 20;
const LEAST_DECODED = 4;
const AT_ONCE = 4;
const AHEAD = 90;
const BEHIND = 10;
const DECODED_AHEAD = 12;
const DECODED_BEHIND = 3;
const RETRY_MS = 1000;

export class FrameCache {
  /**
   * @param {(frame: number, signal: AbortSignal) => Promise<Blob>} fetchPicture
   * @param {(frame: number) => void} onPicture  called with each frame that is fetched or decoded
   * @param {(error: unknown) => void} onError
   */
  constructor(fetchPicture, onPicture, onError) {
    this.fetchPicture = fetchPicture;
    this.onPicture = onPicture;
    this.onError = onError;
    this.count = 0;
    this.center = 0;
    this.step = 1;
    /** @type {number[]} frames to fetch after the window around the play head */
    this.others = [];
    /** @type {Map<number, Blob>} */
    this.blobs = new Map();
    /** @type {Map<number, ImageBitmap>} */
    this.bitmaps = new Map();
    /** @type {Map<number, AbortController>} */
    this.loading = new Map();
    /** @type {Set<number>} */
    this.decoding = new Set();
    this.blobBytes = 0;
    this.pictureBytes = 1;
    this.failedUntilMs = 0;
  }

  /** @param {number} frame @returns {ImageBitmap | undefined} */
  bitmap(frame) {
    return this.bitmaps.get(frame);
  }

  /** @param {number} frame @returns {Blob | undefined} */
  blob(frame) {
    return this.blobs.get(frame);
  }

  /**
   * Moves the window. step: 1 or -1, the direction of play.
   * @param {number} frame
   * @param {number} step
   */
  moveTo(frame, step = 1) {
    this.center = frame;
    this.step = step;
    const wanted = new Set([...this.#window(AHEAD, BEHIND), ...this.others]);
    for (const [far, controller] of this.loading) {
      if (!wanted.has(far)) controller.abort();
    }
    // The open frame does not wait for frames that are only ahead.
    if (!this.blobs.has(frame) && !this.loading.has(frame) && this.loading.size >= AT_ONCE) {
      const far = farthest(this.loading.keys(), (each) => this.#distance(each));
      this.loading.get(far)?.abort();
      this.loading.delete(far);
    }
    this.fill();
  }

  /** Fetches these frames too. @param {number[]} frames */
  want(frames) {
    if (!frames.length && !this.others.length) return;
    this.others = frames;
    this.fill();
  }

  /** Fetches and decodes what the windows lack. */
  fill() {
    const shown = this.#window(DECODED_AHEAD, DECODED_BEHIND).slice(0, this.#mostDecoded());
    for (const frame of shown) void this.#decode(frame);
    if (performance.now() < this.failedUntilMs) return;
    for (const frame of [...shown, ...this.others, ...this.#window(AHEAD, BEHIND)]) {
      if (this.loading.size >= AT_ONCE) return;
      if (!this.blobs.has(frame) && !this.loading.has(frame) && this.#hasRoom(frame)) void this.#load(frame);
    }
  }

  /** Whether a frame would stay: there are bytes left, or one farther away gives its own. @param {number} frame */
  #hasRoom(frame) {
    const mean = this.blobBytes / Math.max(this.blobs.size, 1);
    if (this.blobBytes + (this.loading.size + 1) * mean <= ENCODED_BYTES) return true;
    const far = farthest(this.blobs.keys(), (each) => this.#distance(each));
    return this.#distance(frame) < this.#distance(far);
  }

  /** The frames to have, the most urgent first. @param {number} ahead @param {number} behind */
  #window(ahead, behind) {
    const frames = [this.center];
    for (let distance = 1; distance <= ahead; distance += 1) {
      frames.push(this.center + this.step * distance);
      if (distance <= behind) frames.push(this.center - this.step * distance);
    }
    return frames.filter((frame) => frame >= 0 && frame < this.count);
  }

  /** @param {number} frame */
  async #load(frame) {
    const controller = new AbortController();
    this.loading.set(frame, controller);
    try {
      const blob = await this.fetchPicture(frame, controller.signal);
      this.#keep(frame, blob);
      this.onPicture(frame);
    } catch (error) {
      if (!isAborted(error)) this.#retry(error);
    } finally {
      if (this.loading.get(frame) === controller) this.loading.delete(frame);
    }
    this.fill();
  }

  /** @param {unknown} error */
  #retry(error) {
    this.failedUntilMs = performance.now() + RETRY_MS;
    setTimeout(() => this.fill(), RETRY_MS + 1);
    this.onError(error);
  }

  /** @param {number} frame @param {Blob} blob */
  #keep(frame, blob) {
    this.blobBytes += blob.size - (this.blobs.get(frame)?.size ?? 0);
    this.blobs.set(frame, blob);
    while (this.blobBytes > ENCODED_BYTES && this.blobs.size > 1) {
      const far = farthest(this.blobs.keys(), (each) => this.#distance(each));
      this.blobBytes -= this.blobs.get(far)?.size ?? 0;
      this.blobs.delete(far);
    }
  }

  /** @param {number} frame */
  async #decode(frame) {
    const blob = this.blobs.get(frame);
    if (!blob || this.bitmaps.has(frame) || this.decoding.has(frame)) return;
    this.decoding.add(frame);
    try {
      const bitmap = await createImageBitmap(blob);
      this.bitmaps.set(frame, bitmap);
      this.pictureBytes = bytesOf(bitmap);
      this.#dropDecoded();
      if (this.bitmaps.has(frame)) this.onPicture(frame);
    } catch (error) {
      // What was fetched is no picture: it is fetched again.
      this.blobBytes -= blob.size;
      this.blobs.delete(frame);
      this.#retry(error);
    } finally {
      this.decoding.delete(frame);
    }
  }

  #dropDecoded() {
    while (this.bitmaps.size > this.#mostDecoded()) {
      const far = farthest(this.bitmaps.keys(), (each) => this.#distance(each));
      this.bitmaps.get(far)?.close();
      this.bitmaps.delete(far);
    }
  }

  /** How many pictures of the newest one's size are kept decoded. */
  #mostDecoded() {
    return Math.max(Math.floor(DECODED_BYTES / this.pictureBytes), LEAST_DECODED);
  }

  /** What is ahead counts as nearer than what is behind. @param {number} frame */
  #distance(frame) {
    const distance = (frame - this.center) * this.step;
    return distance >= 0 ? distance : -3 * distance;
  }
}

/** @param {ImageBitmap} bitmap @returns {number} bytes of its pixels */
export function bytesOf(bitmap) {
  return bitmap.width * bitmap.height * 4;
}

/**
 * @param {Iterable<number>} frames  at least one
 * @param {(frame: number) => number} distance
 * @returns {number} the frame of the largest distance
 */
export function farthest(frames, distance) {
  let [found, most] = [-1, -Infinity];
  for (const frame of frames) {
    const here = distance(frame);
    if (here > most) [found, most] = [frame, here];
  }
  return found;
}
