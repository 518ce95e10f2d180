// The mask that a click would give, asked for while the mouse moves: one call at a time, then for the newest place.

import { objectOf } from "../state/state.js";

/** @typedef {import("../types.js").PointPrompt} PointPrompt */

const REFUSED_MS = 300;

export class Hover {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {(mask: import("../types.js").MaskEntry | null) => void} show
   */
  constructor(transport, store, show) {
    this.transport = transport;
    this.store = store;
    this.show = show;
    /** @type {PointPrompt | null} where the mouse is; null: not on the picture */
    this.place = null;
    this.isAsking = false;
  }

  /** @param {PointPrompt | null} point  null: the mouse left the picture */
  async over(point) {
    this.place = point;
    if (!point) this.show(null);
    if (this.isAsking) return;
    this.isAsking = true;
    let asked = null;
    while (this.place && this.place !== asked) {
      asked = this.place;
      if (!(await this.#ask(asked))) await new Promise((done) => setTimeout(done, REFUSED_MS));
    }
    this.isAsking = false;
  }

  /**
   * Shows the mask of a place, if frame and object are still the same when it comes.
   * @param {PointPrompt} point
   * @returns {Promise<boolean>} false if it was refused: the frame is not encoded yet, or the worker is busy
   */
  async #ask(point) {
    const { state } = this.store;
    const object = objectOf(state, state.selected);
    if (!object || object.locked || state.looked || state.busy || !state.connected) {
      this.show(null);
      return true;
    }
    const wanted = { frame: state.frame, object: object.id, label: object.label, point };
    try {
      const mask = (await this.transport.hover(wanted)).masks[0] ?? null;
      const now = this.store.state;
      const isWanted = this.place && !now.busy && !now.looked && now.frame === wanted.frame && now.selected === wanted.object;
      this.show(isWanted ? mask : null);
      return true;
    } catch {
      this.show(null);
      return false;
    }
  }
}
