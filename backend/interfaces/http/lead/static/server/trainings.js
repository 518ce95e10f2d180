// Calls on trainings and the model in use.

/** @typedef {import("../types_training.js").TrainingList} TrainingList */

export class TrainingCalls {
  /** @param {import("./transport.js").Transport} transport */
  constructor(transport) {
    this.transport = transport;
  }

  /** @param {number} project @returns {Promise<TrainingList>} */
  list(project) {
    return this.transport.call("GET", `${this.transport.root}/projects/${project}/trainings`);
  }

  /**
   * @param {number} project
   * @param {{minutes: number, what: string, activate_if_better: boolean}} choices
   * @returns {Promise<TrainingList>}
   */
  start(project, choices) {
    return this.transport.call("POST", `${this.transport.root}/projects/${project}/trainings`, choices);
  }

  /** @param {number} project @param {string} name @returns {Promise<TrainingList>} */
  cancel(project, name) {
    return this.transport.call("DELETE", `${this.transport.root}/projects/${project}/trainings/${name}`, {});
  }

  /** @param {number} project @param {string | null} training  null: the model before @returns {Promise<TrainingList>} */
  use(project, training) {
    return this.transport.call("POST", `${this.transport.root}/projects/${project}/model`, { training });
  }
}
