// What a lead does with the selected tasks: accept, send back, process, export.

/** @typedef {import("../types.js").VerdictName} VerdictName */

const JUDGED_AT_ONCE = 20;
const NAMED_REFUSALS = 3;

export class Work {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/store.js").Store} store
   * @param {import("./loading.js").Loading} loading
   */
  constructor(transport, store, loading) {
    this.transport = transport;
    this.store = store;
    this.loading = loading;
  }

  /** Gives a verdict on the selected tasks; null takes it back. @param {VerdictName | null} verdict @param {string} [comment] */
  judge(verdict, comment = "") {
    const { place, selected } = this.store.state;
    return this.#selected(async () => {
      /** @type {{task: number, refused: string}[]} */
      const refused = [];
      for (let start = 0; start < selected.length; start += JUDGED_AT_ONCE) {
        const some = selected.slice(start, start + JUDGED_AT_ONCE);
        const { tasks } = await this.transport.judge(place.project, some, verdict, comment);
        refused.push(...tasks.filter((each) => each.refused));
        if (selected.length > JUDGED_AT_ONCE) this.store.say(`${start + some.length} of ${selected.length} tasks…`);
      }
      this.store.set({ selected: refused.map((each) => each.task) });
      this.#tell(DONE[verdict ?? "none"], selected.length - refused.length, refused);
    });
  }

  /** Orders masks for the selected tasks that have prompts and no masks. */
  process() {
    const { place, selected } = this.store.state;
    return this.#selected(() => this.#order(place.project, selected));
  }

  /** The same for all tasks of the project. */
  processAll() {
    const { place } = this.store.state;
    return this.loading.after(() => this.#order(place.project, null));
  }

  cancel() {
    const { place } = this.store.state;
    return this.loading.after(async () => {
      this.store.set({ progress: await this.transport.cancel(place.project) });
      this.store.say("Cancelled; masks that were made are kept.");
    });
  }

  /** @param {Omit<import("../types.js").ExportBody, "tasks">} options  of the selected tasks; without any, of all */
  export(options) {
    const { place, selected } = this.store.state;
    return this.loading.after(async () => {
      await this.transport.startExport(place.project, { ...options, tasks: selected.length ? selected : null });
      this.loading.filter({ view: "exports" });
    });
  }

  /** @param {string} id */
  removeExport(id) {
    const { place } = this.store.state;
    return this.loading.after(async () => {
      this.store.set({ exports: await this.transport.removeExport(place.project, id) });
    });
  }

  /** Selects all tasks that meet the filter. */
  selectAll() {
    return this.loading.after(async () => {
      this.store.set({ selected: await this.loading.matching() });
    });
  }

  /** @param {number} project @param {number[] | null} tasks */
  async #order(project, tasks) {
    const before = this.store.state.progress?.is_open ? this.store.state.progress.orders : 0;
    const progress = await this.transport.order(project, tasks);
    const count = Math.max(progress.orders - before, 0);
    this.store.set({ progress, selected: [] });
    if (count) this.store.say(`${count} ${count === 1 ? "propagation is" : "propagations are"} ordered.`);
    else this.store.say("Nothing is to be processed: these tasks have masks, or no prompts.");
  }

  /**
   * @param {string} what
   * @param {number} count
   * @param {{task: number, refused: string}[]} refused
   */
  #tell(what, count, refused) {
    const tasks = `${count} ${count === 1 ? "task" : "tasks"} ${what}.`;
    if (!refused.length) {
      this.store.say(tasks);
      return;
    }
    const named = refused.slice(0, NAMED_REFUSALS).map((each) => `Task ${each.task}: ${each.refused}`);
    const more = refused.length > NAMED_REFUSALS ? ` And ${refused.length - NAMED_REFUSALS} more.` : "";
    this.store.say(`${tasks} ${refused.length} refused and still selected.`, named.join(" ") + more, "error");
  }

  /** @param {() => Promise<void>} work */
  #selected(work) {
    if (this.store.state.selected.length) return this.loading.after(work);
    this.store.say("No task is selected.", "Select some: click a box, or press Space on it.");
    return Promise.resolve();
  }
}

/** @type {Record<VerdictName | "none", string>} */
const DONE = {
  satisfactory: "accepted", redo: "sent back", reject: "rejected", skipped: "skipped", none: "without your verdict",
};
