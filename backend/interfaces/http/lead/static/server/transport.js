// Calls to the lead's API. Knows addresses and errors; owns no state of the page.

import { takeEarly } from "../early.js";
import { Calls } from "../../../player/static/server/calls.js";

/** @typedef {import("../types.js").Progress} Progress */
/** @typedef {import("../types_training.js").TrainingList} TrainingList */

export class Transport extends Calls {
  /** @param {string} root  of the API, without a slash at its end */
  constructor(root = "/api/lead") {
    super(root, takeEarly);
  }

  /** @returns {Promise<{projects: import("../types.js").ProjectEntry[], name: string}>} */
  projects() {
    return this.call("GET", `${this.root}/projects`);
  }

  /** @param {number} project @param {URLSearchParams} query @returns {Promise<import("../types.js").TaskList>} */
  tasks(project, query) {
    return this.call("GET", `${this.#of(project)}/tasks?${query}`);
  }

  /** @param {number} project @returns {Promise<{rows: import("../types.js").LabelRow[]}>} */
  labels(project) {
    return this.call("GET", `${this.#of(project)}/labels`);
  }

  /** @param {number} project @returns {Promise<import("../types.js").People>} */
  people(project) {
    return this.call("GET", `${this.#of(project)}/people`);
  }

  /** @param {number} project @returns {Promise<{queues: import("../types.js").Queue[]}>} */
  queues(project) {
    return this.call("GET", `${this.#of(project)}/queues`);
  }

  /** @param {number} project @returns {Promise<import("../types.js").Review>} */
  review(project) {
    return this.call("GET", `${this.#of(project)}/review`);
  }

  /**
   * @param {number} project
   * @param {number[]} tasks  at most 100
   * @param {import("../types.js").VerdictName | null} verdict  null: takes it back
   * @param {string} comment
   * @returns {Promise<import("../types.js").Judged>}
   */
  judge(project, tasks, verdict, comment) {
    return this.call("POST", `${this.#of(project)}/verdicts`, { tasks, verdict, comment });
  }

  /** @param {number} project @returns {Promise<Progress>} */
  progress(project) {
    return this.call("GET", `${this.#of(project)}/orders`);
  }

  /** @param {number} project @param {number[] | null} tasks  null: all without masks @returns {Promise<Progress>} */
  order(project, tasks) {
    return this.call("POST", `${this.#of(project)}/orders`, { tasks });
  }

  /** @param {number} project @returns {Promise<Progress>} */
  cancel(project) {
    return this.call("DELETE", `${this.#of(project)}/orders`, {});
  }

  /** @param {number} project @returns {Promise<import("../types.js").Exports>} */
  exports(project) {
    return this.call("GET", `${this.#of(project)}/exports`);
  }

  /** @param {number} project @param {import("../types.js").ExportBody} body @returns {Promise<import("../types.js").ExportEntry>} */
  startExport(project, body) {
    return this.call("POST", `${this.#of(project)}/exports`, body);
  }

  /** @param {number} project @param {string} id @returns {Promise<import("../types.js").Exports>} */
  removeExport(project, id) {
    return this.call("DELETE", `${this.#of(project)}/exports/${id}`, {});
  }

  /** @param {number} project @returns {Promise<TrainingList>} */
  trainings(project) {
    return this.call("GET", `${this.#of(project)}/trainings`);
  }

  /**
   * @param {number} project
   * @param {{minutes: number, what: string, activate_if_better: boolean}} choices
   * @returns {Promise<TrainingList>}
   */
  startTraining(project, choices) {
    return this.call("POST", `${this.#of(project)}/trainings`, choices);
  }

  /** @param {number} project @param {string} name @returns {Promise<TrainingList>} */
  cancelTraining(project, name) {
    return this.call("DELETE", `${this.#of(project)}/trainings/${name}`, {});
  }

  /** @param {number} project @param {string | null} training  null: the model before @returns {Promise<TrainingList>} */
  useCheckpoint(project, training) {
    return this.call("POST", `${this.#of(project)}/model`, { training });
  }

  /** The address of a table as CSV. @param {number} project @param {string} table @param {URLSearchParams} [query] */
  csv(project, table, query = new URLSearchParams()) {
    return `${this.#of(project)}/${table}?${new URLSearchParams([...query, ["as", "csv"]])}`;
  }

  /** @param {string} address @param {AbortSignal} signal @returns {Promise<Blob>} */
  picture(address, signal) {
    return this.blob(address, signal);
  }

  /** @param {number} project */
  #of(project) {
    return `${this.root}/projects/${project}`;
  }
}
