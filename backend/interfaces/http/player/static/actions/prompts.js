// Prompts and objects: what a person draws, moves, deletes, takes back, renames and forgets.

import { objectOf, promptAt } from "../state/state.js";
import { History } from "../state/undo.js";

/** @typedef {import("../types.js").Prompt} Prompt */

export class Prompts {
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
    this.history = new History();
  }

  /** Adds a click on the selected object of the open frame. @param {import("../types.js").PointPrompt} point */
  point(point) {
    this.#edit((before) => ({ ...before, points: [...before.points, point], mask: null }));
  }

  /** @param {import("../types.js").Box} box */
  box(box) {
    this.#edit((before) => ({ ...before, box, mask: null }));
  }

  /** @param {import("../types.js").Rle} mask  of the video's size */
  mask(mask) {
    this.#edit((before) => ({ ...before, points: [], box: null, mask }));
  }

  /** @param {import("../types.js").PromptMark} at @param {number} x @param {number} y */
  movePoint(at, x, y) {
    this.#edit((before) => ({
      ...before,
      points: before.points.map((each, index) => (index === at.point ? [x, y, each[2]] : each)),
    }), at);
  }

  /**
   * Adds an object of a label for each box on a frame.
   * @param {number} frame
   * @param {string} label
   * @param {import("../types.js").Box[]} boxes
   * @returns {string[]} their ids; none where nothing may be changed
   */
  addBoxes(frame, label, boxes) {
    if (this.changes.refuse()) return [];
    return boxes.map((box) => {
      this.store.act("addObject", label);
      const object = this.store.state.selected;
      this.#edit((before) => ({ ...before, box, mask: null }), { object, frame });
      return object;
    });
  }

  /** Deletes the selected prompt; without one, all prompts of the selected object on the open frame. */
  deletePrompt() {
    if (this.changes.refuse()) return;
    const at = this.store.state.selectedPrompt;
    this.store.act("selectPrompt", null);
    this.#edit((before) => {
      if (at === null) return null;
      const points = before.points.filter((_, index) => index !== at.point);
      const box = at.point < 0 ? null : before.box;
      return points.length || box ? { ...before, points, box } : null;
    }, at ?? undefined);
  }

  undo() {
    if (!this.changes.refuse()) this.#repeat(this.history.undo());
  }

  redo() {
    if (!this.changes.refuse()) this.#repeat(this.history.redo());
  }

  /** Forgets the prompts and masks of an object; null: of all. @param {string | null} object */
  forget(object) {
    if (this.changes.refuse()) return;
    const { state } = this.store;
    const locked = state.objects.find((each) => each.locked && (object === null || each.id === object));
    if (locked) {
      this.#sayLocked(locked.id);
      return;
    }
    this.changes.add(async () => {
      const known = object === null || this.store.state.prompts.some((each) => each.object === object);
      if (known) this.store.act("prompted", await this.transport.forget(object));
      this.history.forget(object);
      if (object === null) for (const each of this.store.state.objects) this.store.act("removeObject", each.id);
      else this.store.act("removeObject", object);
      this.masks.drop(object);
      this.timeline.soon();
    });
  }

  /** @param {string} object @param {string} label */
  rename(object, label) {
    if (this.changes.refuse()) return;
    this.store.act("changeObject", { id: object, label });
    if (!this.store.state.prompts.some((each) => each.object === object)) return;
    this.changes.add(async () => this.store.act("prompted", await this.transport.rename(object, label)));
  }

  /** @param {import("../state/undo.js").Repeat | null} taken */
  #repeat(taken) {
    if (!taken) {
      this.changes.notices.say("There is nothing to take back or to repeat.");
      return;
    }
    const { frame, object } = taken.step;
    this.store.act("frame", frame);
    this.store.act("select", object);
    this.changes.add(() => this.#put(frame, object, taken.prompt));
  }

  /**
   * @param {(before: Prompt) => Prompt | null} change
   * @param {{object: string, frame: number}} [at]  default: the selected object on the open frame
   */
  #edit(change, at) {
    if (this.changes.refuse()) return;
    const frame = at?.frame ?? this.store.state.frame;
    const id = at?.object ?? this.#selectedObject();
    const object = objectOf(this.store.state, id);
    if (!object) {
      this.changes.notices.say("There is no object to mark.", "Add one in the list of objects.");
      return;
    }
    if (object.locked) {
      this.#sayLocked(id);
      return;
    }
    // The newest prompt is known only when the calls before this one have ended.
    this.changes.add(async () => {
      const before = promptAt(this.store.state, id, frame);
      const after = change(before ?? { object: id, frame, points: [], box: null, mask: null });
      if (before === null && after === null) return;
      await this.#put(frame, id, after);
      this.history.add({ object: id, frame, before, after });
    });
  }

  /** The selected object; without any, a new one of the first label. */
  #selectedObject() {
    const { state } = this.store;
    if (!state.selected && state.labels.length) this.store.act("addObject", state.labels[0].name);
    return this.store.state.selected;
  }

  /** @param {number} frame @param {string} object @param {Prompt | null} prompt */
  async #put(frame, object, prompt) {
    const label = objectOf(this.store.state, object)?.label ?? object;
    const body = prompt && { label, points: prompt.points, box: prompt.box, mask: prompt.mask };
    const answer = await this.transport.setPrompt(frame, object, body);
    this.store.act("prompted", answer);
    this.masks.replace(frame, object, answer.masks);
    this.timeline.soon();
  }

  /** @param {string} object */
  #sayLocked(object) {
    this.changes.notices.say(`${object} is locked.`, "Unlock it in the list of objects.");
  }
}
