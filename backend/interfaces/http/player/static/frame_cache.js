// Pictures of frames: compressed ones in a window around the play head, decoded ones in a smaller window.

const ENCODED_BYTES = 96 * 2 ** 20;
const DECODED_BYTES = 112 * 2 ** 20;
const AT_ONCE = 4;
const AHEAD = 90;
const BEHIND = 10;
const DECODED_AHEAD = 12;

export class FrameCache {
  /**
   * @param {(frame: number, signal: AbortSignal) => Promise<Blob>} fetchPicture
   * @param {(frame: number) => void} onDecoded
   * @param {(error: Error) => void} onError
   */
  constructor(fetchPicture, onDecoded, onError) {
    this.fetchPicture = fetchPicture;
    this.onDecoded = onDecoded;
    this.onError = onError;
    this.count = 0;
    this.center = 0;
    this.step = 1;
    /** @type {Map<number, Blob>} */
    this.blobs = new Map();
    /** @type {Map<number, ImageBitmap>} */
    this.bitmaps = new Map();
    /** @type {Map<number, AbortController>} */
    this.loading = new Map();
    /** @type {Set<number>} */
    this.decoding = new Set();
    this.blobBytes = 0;
    this.failedUntilMs = 0;
  }

  /** @param {number} frame @returns {ImageBitmap | undefined} */
  bitmap(frame) {
    return this.bitmaps.get(frame);
  }

  /**
   * Moves the window. step: 1 or -1, the direction of play.
   * @param {number} frame
   * @param {number} step
   */
  moveTo(frame, step = 1) {
    this.center = frame;
    this.step = step;
    const wanted = new Set(this.#window(AHEAD));
    for (const [far, controller] of this.loading) {
      if (!wanted.has(far)) controller.abort();
    }
    this.#fill();
  }

  /** The frames to have, the most urgent first. @param {number} ahead */
  #window(ahead) {
    const frames = [this.center];
    for (let distance = 1; distance <= ahead; distance += 1) {
      frames.push(this.center + this.step * distance);
      if (distance <= BEHIND) frames.push(this.center - this.step * distance);
    }
    return frames.filter((frame) => frame >= 0 && frame < this.count);
  }

  #fill() {
    const window = this.#window(AHEAD);
    for (const frame of this.#window(DECODED_AHEAD)) this.#decode(frame);
    if (performance.now() < this.failedUntilMs) return;
    for (const frame of window) {
      if (this.loading.size >= AT_ONCE) return;
      if (!this.blobs.has(frame) && !this.loading.has(frame)) void this.#load(frame);
    }
  }

  /** @param {number} frame */
  async #load(frame) {
    const controller = new AbortController();
    this.loading.set(frame, controller);
    try {
      const blob = await this.fetchPicture(frame, controller.signal);
      this.blobs.set(frame, blob);
      this.blobBytes += blob.size;
      this.#dropFarthest();
    } catch (error) {
      if (!(error instanceof DOMException)) {
        this.failedUntilMs = performance.now() + 1000;
        setTimeout(() => this.#fill(), 1100);
        this.onError(/** @type {Error} */ (error));
      }
    } finally {
      this.loading.delete(frame);
    }
    this.#fill();
  }

  /** @param {number} frame */
  async #decode(frame) {
    const blob = this.blobs.get(frame);
    if (!blob || this.bitmaps.has(frame) || this.decoding.has(frame)) return;
    this.decoding.add(frame);
    try {
      const bitmap = await createImageBitmap(blob);
      this.bitmaps.set(frame, bitmap);
      const bytes = bitmap.width * bitmap.height * 4;
      const most = Math.max(Math.floor(DECODED_BYTES / bytes), 4);
      for (const far of this.#byDistance(this.bitmaps).slice(most)) {
        this.bitmaps.get(far)?.close();
        this.bitmaps.delete(far);
      }
      this.onDecoded(frame);
    } finally {
      this.decoding.delete(frame);
    }
  }

  #dropFarthest() {
    const far = this.#byDistance(this.blobs);
    while (this.blobBytes > ENCODED_BYTES && far.length > 1) {
      const frame = /** @type {number} */ (far.pop());
      this.blobBytes -= this.blobs.get(frame)?.size ?? 0;
      this.blobs.delete(frame);
    }
  }

  /** @param {Map<number, unknown>} kept @returns {number[]} nearest first; what is ahead counts as nearer */
  #byDistance(kept) {
    const away = (/** @type {number} */ frame) => {
      const distance = (frame - this.center) * this.step;
      return distance >= 0 ? distance : -3 * distance;
    };
    return [...kept.keys()].sort((a, b) => away(a) - away(b));
  }
}
