// What a lead does with trainings: start, cancel, use a checkpoint, go back.

export class Training {
  /**
   * @param {import("../server/trainings.js").TrainingCalls} calls
   * @param {import("../state/store.js").Store} store
   * @param {import("./loading.js").Loading} loading
   */
  constructor(calls, store, loading) {
    this.calls = calls;
    this.store = store;
    this.loading = loading;
  }

  /** @param {{minutes: number, what: string, activate_if_better: boolean}} choices */
  start(choices) {
    return this.#do((project) => this.calls.start(project, choices), "A training is queued.");
  }

  /** @param {string} name */
  cancel(name) {
    return this.#do((project) => this.calls.cancel(project, name), "The training ends at its next step.");
  }

  /** @param {string} name */
  use(name) {
    return this.#do((project) => this.calls.use(project, name), `${name} is in use. Workers load it once they have no job.`);
  }

  rollBack() {
    return this.#do((project) => this.calls.use(project, null), "The model before is in use again.");
  }

  /**
   * @param {(project: number) => Promise<import("../types_training.js").TrainingList>} change
   * @param {string} done
   */
  async #do(change, done) {
    this.store.set({ busy: this.store.state.busy + 1 });
    try {
      this.store.set({ training: await change(this.store.state.place.project) });
      this.store.say(done);
    } catch (error) {
      this.loading.fail(error);
    }
    this.store.set({ busy: this.store.state.busy - 1 });
    await this.loading.refresh();
  }
}
