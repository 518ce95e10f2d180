// Review: goes to the frames that need a person, and approves masks.

import { shown } from "../state/shown.js";
import { humanFrames } from "../state/state.js";

export class Review {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/mask_cache.js").MaskCache} masks
   * @param {import("./changes.js").Changes} changes
   * @param {import("./timeline_reader.js").TimelineReader} timeline
   */
  constructor(transport, store, masks, changes, timeline) {
    this.transport = transport;
    this.store = store;
    this.masks = masks;
    this.changes = changes;
    this.timeline = timeline;
  }

  /** Approves the masks of the open frame. */
  approve() {
    const { frame } = this.store.state;
    this.#approve(frame, frame + 1);
  }

  /** Makes the open frame the start of a range to approve; a second time, ends that. */
  markRange() {
    if (this.changes.refuse()) return;
    const { state } = this.store;
    this.store.act("set", { rangeStart: state.rangeStart === null ? state.frame : null });
  }

  /** Approves the masks from the range's start to the open frame, both included. */
  approveRange() {
    if (this.changes.refuse()) return;
    const { frame, rangeStart } = this.store.state;
    if (rangeStart === null) {
      this.changes.notices.say("No range is started.", "Go to its first frame and press M.");
      return;
    }
    this.store.act("set", { rangeStart: null });
    this.#approve(Math.min(rangeStart, frame), Math.max(rangeStart, frame) + 1);
  }

  /** @param {number} start @param {number} stop  exclusive */
  #approve(start, stop) {
    if (this.changes.refuse()) return;
    this.changes.add(async () => {
      const answer = await this.transport.approve({ object: null, start, stop });
      this.store.act("prompted", answer);
      this.masks.put(answer.masks);
      this.timeline.soon();
    });
  }

  /**
   * Says what the person thinks of an object's masks; null takes it back.
   * @param {string | null} object  null: the whole task
   * @param {import("../types.js").VerdictName | null} verdict
   * @param {string} comment
   */
  judge(object, verdict, comment) {
    if (this.changes.refuse()) return;
    this.changes.add(async () => {
      const answer = await this.transport.setVerdict(object, verdict && { verdict, comment });
      this.store.act("verdicts", answer.verdicts);
    });
  }

  /** @param {1 | -1} step  1: next; -1: previous */
  toHumanFrame(step) {
    const state = shown(this.store.state);
    const frames = humanFrames(state);
    const found = step > 0 ? frames.find((each) => each > state.frame) : frames.findLast((each) => each < state.frame);
    if (found === undefined) this.changes.notices.say("There is no such frame.");
    else this.store.act("frame", found);
  }

  /** Goes to the frame after the open one in the order of gain; from any other frame, to the first. */
  toUncertainFrame() {
    const state = shown(this.store.state);
    const here = state.nextUncertain.findLastIndex((each) => each.frame === state.frame);
    const order = [...state.nextUncertain.slice(here + 1), ...state.nextUncertain.slice(0, here + 1)];
    const next = order.find((each) => each.frame !== state.frame);
    if (!next) {
      this.changes.notices.say("No frame is left to look at.");
      return;
    }
    this.store.act("set", { playing: false });
    this.store.act("frame", next.frame);
    if (next.object) this.store.act("select", next.object);
  }
}
