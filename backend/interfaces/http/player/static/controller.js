// What a person does, as calls and changes of state. The only module that knows both transport and store.

import { ApiError } from "./transport.js";
import { History } from "./undo.js";
import { humanFrames, promptAt } from "./state.js";

/** @typedef {import("./types.js").Prompt} Prompt */
/** @typedef {import("./types.js").PointPrompt} PointPrompt */
/** @typedef {import("./types.js").Job} Job */

const TIMELINE_MS = 400;
const RETRY_MS = 1500;
export const UNCERTAIN_FROM = 0.5;

export class Controller {
  /**
   * @param {import("./transport.js").Transport} transport
   * @param {import("./state.js").Store} store
   * @param {import("./mask_cache.js").MaskCache} masks
   */
  constructor(transport, store, masks) {
    this.transport = transport;
    this.store = store;
    this.masks = masks;
    this.history = new History();
    /** @type {Promise<unknown>} calls that change prompts run one after another, in the order of the clicks */
    this.queue = Promise.resolve();
    /** @type {AbortController | null} */
    this.hovering = null;
    this.onHover = (/** @type {import("./types.js").MaskEntry | null} */ _mask) => {};
    this.timelineTimer = 0;
    this.cursor = 0;
    this.endFollowing = () => {};
  }

  /** Opens the task that the address names. @param {ReturnType<typeof import("./transport.js").addressedTask>} addressed */
  async open(addressed) {
    try {
      await this.#signedIn();
      await this.transport.find(addressed);
      const task = await this.transport.task((detail) => this.say(detail));
      this.masks.count = task.video.frame_count;
      this.store.act("opened", task);
      this.store.act("notice", null);
      this.refreshTimeline();
      if (task.propagation && ["queued", "running"].includes(task.propagation.state)) this.follow();
    } catch (error) {
      this.fail(error);
      if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) {
        setTimeout(() => this.open(addressed), RETRY_MS);
      }
    }
  }

  async #signedIn() {
    await this.transport.signIn();
  }

  // prompts

  /** Adds a click of the selected object on the open frame. @param {PointPrompt} point */
  point(point) {
    this.#edit((before) => ({ ...before, points: [...before.points, point], mask: null }));
  }

  /** @param {import("./types.js").Box} box */
  box(box) {
    this.#edit((before) => ({ ...before, box, mask: null }));
  }

  /** @param {import("./rle.js").Rle} mask */
  mask(mask) {
    this.#edit((before) => ({ ...before, points: [], box: null, mask }));
  }

  /** @param {{object: string, frame: number, point: number}} at @param {number} x @param {number} y */
  movePoint(at, x, y) {
    this.#edit((before) => ({
      ...before,
      points: before.points.map((each, index) => (index === at.point ? [x, y, each[2]] : each)),
    }), at);
  }

  /** Deletes the selected prompt; without one, all prompts of the selected object on the open frame. */
  deletePrompt() {
    const { state } = this.store;
    const at = state.selectedPrompt;
    this.store.act("selectPrompt", null);
    this.#edit((before) => {
      if (at === null) return null;
      const points = before.points.filter((_, index) => index !== at.point);
      const box = at.point < 0 ? null : before.box;
      return points.length || box ? { ...before, points, box } : null;
    }, at ?? undefined);
  }

  undo() {
    this.#repeat(this.history.undo());
  }

  redo() {
    this.#repeat(this.history.redo());
  }

  /** @param {{step: import("./undo.js").Step, prompt: Prompt | null} | null} taken */
  #repeat(taken) {
    if (!taken) {
      this.say("There is nothing to take back or to repeat.");
      return;
    }
    this.store.act("frame", taken.step.frame);
    this.store.act("select", taken.step.object);
    this.#send(taken.step.frame, taken.step.object, taken.prompt);
  }

  /**
   * @param {(before: Prompt) => Prompt | null} change
   * @param {{object: string, frame: number}} [at]  default: the selected object on the open frame
   */
  #edit(change, at) {
    const { state } = this.store;
    const frame = at?.frame ?? state.frame;
    const id = at?.object ?? this.#object();
    const object = this.store.state.objects.find((each) => each.id === id);
    if (!object) {
      this.say("There is no object to mark.", "Add one in the list of objects.");
      return;
    }
    if (object.locked) {
      this.say(`${object.id} is locked.`, "Unlock it in the list of objects.");
      return;
    }
    // The newest prompt is known only when the calls before this one have ended.
    this.#after(async () => {
      const before = promptAt(this.store.state, id, frame);
      const after = change(before ?? { object: id, frame, points: [], box: null, mask: null });
      await this.#put(frame, id, after);
      this.history.add({ object: id, frame, before, after });
    });
  }

  #object() {
    const { state } = this.store;
    if (!state.selected && state.labels.length) this.store.act("addObject", state.labels[0].name);
    return this.store.state.selected;
  }

  /** @param {number} frame @param {string} object @param {Prompt | null} prompt */
  #send(frame, object, prompt) {
    this.#after(() => this.#put(frame, object, prompt));
  }

  /** @param {number} frame @param {string} object @param {Prompt | null} prompt */
  async #put(frame, object, prompt) {
    const label = this.store.state.objects.find((each) => each.id === object)?.label ?? object;
    const body = prompt && { label, points: prompt.points, box: prompt.box, mask: prompt.mask };
    const answer = await this.transport.setPrompt(frame, object, body);
    this.store.act("prompted", answer);
    this.masks.replace(frame, object, answer.masks);
    this.refreshTimeline();
  }

  /** Runs a change after the changes before it. @param {() => Promise<unknown>} change */
  #after(change) {
    this.store.act("busy", 1);
    this.queue = this.queue.then(change).then(() => this.store.act("notice", null), (error) => this.fail(error))
      .finally(() => this.store.act("busy", -1));
  }

  // objects

  /** Forgets the prompts and masks of an object; null: of all. @param {string | null} object */
  forget(object) {
    this.#after(async () => {
      const known = object === null || this.store.state.prompts.some((each) => each.object === object);
      if (known) this.store.act("prompted", await this.transport.forget(object));
      this.history.forget(object);
      if (object === null) for (const each of this.store.state.objects) this.store.act("removeObject", each.id);
      else this.store.act("removeObject", object);
      this.masks.drop(object);
      this.refreshTimeline();
    });
  }

  /** @param {string} object @param {string} label */
  rename(object, label) {
    this.store.act("changeObject", { id: object, label });
    if (!this.store.state.prompts.some((each) => each.object === object)) return;
    this.#after(async () => this.store.act("prompted", await this.transport.rename(object, label)));
  }

  /** Approves the masks of the open frame, or of a range. @param {{start: number, stop: number}} [range] */
  approve(range) {
    const { state } = this.store;
    const { start, stop } = range ?? { start: state.frame, stop: state.frame + 1 };
    this.#after(async () => {
      const answer = await this.transport.approve({ object: null, start, stop });
      this.store.act("prompted", answer);
      this.masks.put(answer.masks);
      this.refreshTimeline();
    });
  }

  // propagation

  /**
   * @param {"forward" | "backward" | "both"} direction
   * @param {number | null} count  frames; null: to the end
   * @param {{stopAt?: number, objects?: string[] | null}} [options]  stopAt: the uncertainty that stops it
   */
  propagate(direction, count, { stopAt = 0, objects = null } = {}) {
    const { state } = this.store;
    if (!state.prompts.length) {
      this.say("Nothing is marked yet.", "Click an object first.");
      return;
    }
    this.#after(async () => {
      const job = await this.transport.propagate({ start: state.frame, direction, count, objects });
      this.store.act("set", { stopAt });
      this.store.act("job", job);
      this.cursor = 0;
      this.follow();
    });
  }

  async stop() {
    const { job } = this.store.state;
    if (!job || !["queued", "running"].includes(job.state)) return;
    try {
      this.store.act("job", await this.transport.stop(job.id));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Shows the masks of the newest propagation while they are made. */
  follow() {
    this.endFollowing();
    this.endFollowing = this.transport.follow(this.cursor, {
      job: (job) => {
        this.store.act("job", job);
        if (job.state === "failed") this.say(job.detail || "The propagation failed.", "Ask again.", "error");
      },
      masks: (masks, cursor) => {
        this.cursor = cursor;
        this.masks.put(masks);
        this.refreshTimeline();
        const { stopAt } = this.store.state;
        const uncertain = stopAt && masks.find((mask) => mask.origin === "propagated" && mask.uncertainty >= stopAt);
        if (uncertain) {
          this.store.act("set", { stopAt: 0 });
          this.store.act("frame", uncertain.frame);
          this.store.act("select", uncertain.object);
          void this.stop();
          this.say(`${uncertain.object} is uncertain here.`, "Correct it, or go on.");
        }
      },
      problem: ({ detail, way_out: wayOut = "" }) => this.say(detail, wayOut, "error"),
      end: () => {
        this.masks.invalidate();
        this.refreshTimeline();
      },
    });
  }

  // navigation

  /** @param {number} step  1: next; -1: previous */
  toHumanFrame(step) {
    const { state } = this.store;
    const frames = humanFrames(state);
    const found = step > 0 ? frames.find((f) => f > state.frame) : frames.reverse().find((f) => f < state.frame);
    if (found === undefined) this.say("There is no such frame.");
    else this.store.act("frame", found);
  }

  toUncertainFrame() {
    const { state } = this.store;
    const next = state.nextUncertain.find((each) => each.frame !== state.frame);
    if (!next) {
      this.say("No frame is left to look at.");
      return;
    }
    this.store.act("frame", next.frame);
    if (next.object) this.store.act("select", next.object);
  }

  // hover

  /** @param {PointPrompt | null} point */
  async hover(point) {
    this.hovering?.abort();
    this.hovering = null;
    const { state } = this.store;
    const object = state.objects.find((each) => each.id === state.selected);
    if (!point || !object || object.locked || state.busy) {
      this.onHover(null);
      return;
    }
    const hovering = new AbortController();
    this.hovering = hovering;
    try {
      const wanted = { frame: state.frame, object: object.id, label: object.label, point };
      const { masks } = await this.transport.hover(wanted, hovering.signal);
      if (this.hovering === hovering) this.onHover(masks[0] ?? null);
    } catch (error) {
      if (this.hovering === hovering) this.onHover(null);
    }
  }

  // what is said

  /** @param {string} text @param {string} wayOut @param {"info" | "error"} kind */
  say(text, wayOut = "", kind = "info") {
    this.store.act("notice", { text, wayOut, kind });
  }

  /** @param {unknown} error */
  fail(error) {
    if (error instanceof ApiError) this.say(error.message, error.wayOut, "error");
    else {
      console.error(error);
      this.say("The page made a mistake.", "Reload it; what was drawn is on the server.", "error");
    }
  }

  /** Reads the timeline soon, once for several changes. */
  refreshTimeline() {
    if (this.timelineTimer) return;
    this.timelineTimer = setTimeout(async () => {
      this.timelineTimer = 0;
      try {
        this.store.act("timeline", await this.transport.timeline());
      } catch (error) {
        this.fail(error);
      }
    }, TIMELINE_MS);
  }
}
