// What a lead does with trainings: start, cancel, use a checkpoint, go back.

export class Training {
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

  /** @param {{minutes: number, what: string, activate_if_better: boolean}} choices */
  start(choices) {
    return this.#do((project) => this.transport.startTraining(project, choices), "A training is queued.");
  }

  /** @param {string} name */
  cancel(name) {
    return this.#do((project) => this.transport.cancelTraining(project, name), "The training ends at its next step.");
  }

  /** @param {string} name */
  use(name) {
    return this.#do((project) => this.transport.useCheckpoint(project, name), `${name} is in use. Workers load it once they have no job.`);
  }

  rollBack() {
    return this.#do((project) => this.transport.useCheckpoint(project, null), "The model before is in use again.");
  }

  /**
   * @param {(project: number) => Promise<import("../types_training.js").TrainingList>} change
   * @param {string} done
   */
  #do(change, done) {
    return this.loading.after(async () => {
      this.store.set({ training: await change(this.store.state.place.project) });
      this.store.say(done);
    });
  }
}
