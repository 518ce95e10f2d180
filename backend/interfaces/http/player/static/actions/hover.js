// The mask that a click would give, asked for while the mouse rests.

import { objectOf } from "../state/state.js";

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
    /** @type {AbortController | null} */
    this.asking = null;
  }

  /** @param {import("../types.js").PointPrompt | null} point  null: the mouse left the picture */
  async over(point) {
    this.asking?.abort();
    this.asking = null;
    const { state } = this.store;
    const object = objectOf(state, state.selected);
    if (!point || !object || object.locked || state.busy || !state.connected) {
      this.show(null);
      return;
    }
    const asking = new AbortController();
    this.asking = asking;
    let shown = null;
    try {
      const wanted = { frame: state.frame, object: object.id, label: object.label, point };
      shown = (await this.transport.hover(wanted, asking.signal)).masks[0] ?? null;
    } catch {
      // A frame that is not encoded yet, or a busy worker: nothing is shown, and the next move asks again.
    }
    if (this.asking === asking) this.show(shown);
  }
}
