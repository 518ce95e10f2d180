// The line that says which frame is open and what is on it, for eyes and for screen readers.

import { nameOf, shown } from "../state/shown.js";

const REST_MS = 250;

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../types.js").MaskEntry} MaskEntry */

/**
 * One sentence a part: whose masks they are if another person's, the frame, then each visible object.
 * @param {State} state
 * @param {MaskEntry[]} masks  of the open frame
 * @returns {string}
 */
export function description(state, masks) {
  const objects = state.objects.filter((each) => each.visible).map(({ id }) => {
    const mask = masks.find((each) => each.object === id);
    return `${id} ${mask ? presence(mask) : "has no mask"}`;
  });
  const whose = state.looked ? `Masks of ${nameOf(state.looked.user)}. ` : "";
  const frame = `${whose}Frame ${state.frame + 1} of ${state.video.frame_count}`;
  return objects.length ? `${frame}: ${objects.join(", ")}.` : `${frame}.`;
}

/** @param {MaskEntry} mask @returns {string} */
function presence({ rle, origin, uncertainty }) {
  if (origin === "human") return rle ? "by a person" : "absent, by a person";
  const unsure = uncertainty > 0 ? `, uncertainty ${Math.round(100 * uncertainty)} %` : "";
  return `${rle ? "present" : "absent"}${unsure}`;
}

export class Announcer {
  /**
   * @param {HTMLElement} line  a live region
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/shown_masks.js").ShownMasks} masks
   */
  constructor(line, store, masks) {
    this.line = line;
    this.store = store;
    this.masks = masks;
    this.timer = 0;
  }

  /** Says it once the play head rests. */
  soon() {
    clearTimeout(this.timer);
    const { ready, playing } = this.store.state;
    if (!ready || playing) return;
    this.timer = setTimeout(() => {
      const state = shown(this.store.state);
      const text = description(state, this.masks.at(state.frame));
      if (this.line.textContent !== text) this.line.textContent = text;
    }, REST_MS);
  }
}
