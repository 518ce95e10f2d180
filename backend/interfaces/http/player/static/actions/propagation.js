// Propagation: starts it, follows its masks while they are made, stops it.

import { isPropagating, objectOf } from "../state/state.js";

export const UNCERTAIN_FROM = 0.5;

export class Propagation {
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
    this.notices = changes.notices;
    this.timeline = timeline;
    this.endFollowing = () => {};
  }

  /**
   * Starts from the open frame.
   * @param {import("../types.js").Direction} direction
   * @param {number | null} count  frames; null: to the end
   * @param {number} stopAt  the uncertainty that stops it; 0: none
   */
  start(direction, count, stopAt = 0) {
    if (this.changes.refuse()) return;
    const { state } = this.store;
    const objects = this.#objects();
    if (typeof objects === "string") {
      this.notices.say(objects, "Click an object first.");
      return;
    }
    this.changes.add(async () => {
      const { frame: start, skip } = state;
      const job = await this.transport.propagate({ start, direction, count, objects, skip });
      this.store.act("set", { stopAt });
      this.store.act("job", job);
      this.follow();
    });
  }

  /** The objects to propagate; null: all; a sentence where there is none. @returns {string[] | null | string} */
  #objects() {
    const { state } = this.store;
    const prompted = [...new Set(state.prompts.map((each) => each.object))];
    if (!prompted.length) return "Nothing is marked yet.";
    if (state.onlySelected && !prompted.includes(state.selected)) return `${state.selected || "No object"} is not marked yet.`;
    const wanted = state.onlySelected ? [state.selected] : prompted;
    const free = wanted.filter((each) => !objectOf(state, each)?.locked);
    if (!free.length) return "All marked objects are locked.";
    return free.length === prompted.length ? null : free;
  }

  async stop() {
    const { job } = this.store.state;
    if (!job || !isPropagating(this.store.state)) return;
    try {
      this.store.act("job", await this.transport.stop(job.id));
    } catch (error) {
      this.notices.fail(error, "propagation");
    }
  }

  /** Shows the masks of the newest propagation while they are made. */
  follow() {
    this.endFollowing();
    this.endFollowing = this.transport.follow("", {
      job: (job) => {
        this.store.act("job", job);
        if (job.state !== "failed") this.notices.succeed("propagation");
        else this.#sayProblem(job.detail || "The propagation failed.", "Ask again.");
      },
      masks: (masks) => {
        this.masks.put(masks);
        this.timeline.soon();
        this.#stopWhereUncertain(masks);
      },
      problem: ({ detail, way_out: wayOut }) => this.#sayProblem(detail || "The propagation cannot be read.", wayOut),
      end: () => {
        this.masks.invalidate();
        this.timeline.soon();
      },
    });
  }

  /** @param {import("../types.js").MaskEntry[]} masks */
  #stopWhereUncertain(masks) {
    const { stopAt, looked } = this.store.state;
    const uncertain = stopAt && masks.find((mask) => mask.origin === "propagated" && mask.uncertainty >= stopAt);
    if (!uncertain) return;
    this.store.act("set", { stopAt: 0 });
    void this.stop();
    if (looked) {
      this.notices.say(`Your ${uncertain.object} is uncertain on frame ${uncertain.frame + 1}.`, "Press Y to go back to your own masks.");
      return;
    }
    this.store.act("frame", uncertain.frame);
    this.store.act("select", uncertain.object);
    this.notices.say(`${uncertain.object} is uncertain here.`, "Correct it, or go on.");
  }

  /** @param {string} text */
  #sayProblem(text, wayOut = "Ask again.") {
    this.notices.say(text, wayOut, { kind: "error", source: "propagation" });
  }
}
