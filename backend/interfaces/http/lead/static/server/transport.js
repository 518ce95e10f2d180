// Calls to the lead's API. Knows addresses and errors; owns no state of the page.

import { takeEarly } from "../early.js";
import { ApiError, ConnectionLost, isAborted } from "../../../player/static/server/errors.js";

/** @typedef {import("../types.js").Progress} Progress */

const CHANGE = { "X-Masklet-Player": "1", "Content-Type": "application/json" };

export class Transport {
  /** @param {string} root  of the API, without a slash at its end */
  constructor(root = "/api/lead") {
    this.root = root;
    /** Called after each call with whether the server answered, whatever it answered. */
    this.onReach = (/** @type {boolean} */ _answered) => {};
  }

  /** @param {string} token  of Label Studio; "": its cookie counts @returns {Promise<{user: string, name: string}>} */
  signIn(token = "") {
    return this.#call("POST", `${this.root}/session`, token ? { token } : {});
  }

  /** @returns {Promise<{projects: import("../types.js").ProjectEntry[], name: string}>} */
  projects() {
    return this.#call("GET", `${this.root}/projects`);
  }

  /** @param {number} project @param {URLSearchParams} query @returns {Promise<import("../types.js").TaskList>} */
  tasks(project, query) {
    return this.#call("GET", `${this.#of(project)}/tasks?${query}`);
  }

  /** @param {number} project @returns {Promise<{rows: import("../types.js").LabelRow[]}>} */
  labels(project) {
    return this.#call("GET", `${this.#of(project)}/labels`);
  }

  /** @param {number} project @returns {Promise<import("../types.js").People>} */
  people(project) {
    return this.#call("GET", `${this.#of(project)}/people`);
  }

  /** @param {number} project @returns {Promise<{queues: import("../types.js").Queue[]}>} */
  queues(project) {
    return this.#call("GET", `${this.#of(project)}/queues`);
  }

  /** @param {number} project @returns {Promise<import("../types.js").Review>} */
  review(project) {
    return this.#call("GET", `${this.#of(project)}/review`);
  }

  /**
   * @param {number} project
   * @param {number[]} tasks  at most 100
   * @param {import("../types.js").VerdictName | null} verdict  null: takes it back
   * @param {string} comment
   * @returns {Promise<import("../types.js").Judged>}
   */
  judge(project, tasks, verdict, comment) {
    return this.#call("POST", `${this.#of(project)}/verdicts`, { tasks, verdict, comment });
  }

  /** @param {number} project @returns {Promise<Progress>} */
  progress(project) {
    return this.#call("GET", `${this.#of(project)}/orders`);
  }

  /** @param {number} project @param {number[] | null} tasks  null: all without masks @returns {Promise<Progress>} */
  order(project, tasks) {
    return this.#call("POST", `${this.#of(project)}/orders`, { tasks });
  }

  /** @param {number} project @returns {Promise<Progress>} */
  cancel(project) {
    return this.#call("DELETE", `${this.#of(project)}/orders`, {});
  }

  /** @param {number} project @returns {Promise<import("../types.js").Exports>} */
  exports(project) {
    return this.#call("GET", `${this.#of(project)}/exports`);
  }

  /** @param {number} project @param {import("../types.js").ExportBody} body @returns {Promise<import("../types.js").ExportEntry>} */
  startExport(project, body) {
    return this.#call("POST", `${this.#of(project)}/exports`, body);
  }

  /** @param {number} project @param {string} id @returns {Promise<import("../types.js").Exports>} */
  removeExport(project, id) {
    return this.#call("DELETE", `${this.#of(project)}/exports/${id}`, {});
  }

  /** The address of a table as CSV. @param {number} project @param {string} table @param {URLSearchParams} [query] */
  csv(project, table, query = new URLSearchParams()) {
    return `${this.#of(project)}/${table}?${new URLSearchParams([...query, ["as", "csv"]])}`;
  }

  /** Another call of the API. @template Answer @param {string} method @param {string} path @param {object} [body] @returns {Promise<Answer>} */
  call(method, path, body) {
    return this.#call(method, `${this.root}${path}`, body);
  }

  /** @param {string} address @param {AbortSignal} signal @returns {Promise<Blob>} */
  async picture(address, signal) {
    const reply = await this.#fetch(address, { signal });
    return reply.blob();
  }

  /** @param {number} project */
  #of(project) {
    return `${this.root}/projects/${project}`;
  }

  /**
   * @template Answer
   * @param {string} method
   * @param {string} address
   * @param {object} [body]
   * @returns {Promise<Answer>}
   */
  async #call(method, address, body) {
    const headers = method === "GET" ? {} : CHANGE;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const reply = await this.#fetch(address, { method, headers, body: sent });
    return reply.json();
  }

  /**
   * Signs in again, once, where the sign-in has ended.
   * @param {string} address
   * @param {RequestInit} options
   * @param {boolean} [isRepeated]
   * @returns {Promise<Response>}
   */
  async #fetch(address, options, isRepeated = false) {
    const reply = await this.#reach(address, options);
    if (reply.ok) return reply;
    if (reply.status === 401 && !isRepeated && !address.endsWith("/session")) {
      await this.signIn();
      return this.#fetch(address, options, true);
    }
    /** @type {{detail?: string, way_out?: string}} */
    const problem = await reply.json().catch(() => ({}));
    throw new ApiError(reply.status, problem.detail || `Masklet answered with status ${reply.status}.`, problem.way_out);
  }

  /** @param {string} address @param {RequestInit} options @returns {Promise<Response>} */
  async #reach(address, options) {
    const isReading = options.method === "GET";
    try {
      const reply = await ((isReading && takeEarly(address)) || fetch(address, { credentials: "same-origin", ...options }));
      this.onReach(true);
      return reply;
    } catch (error) {
      if (isAborted(error)) throw error;
      this.onReach(false);
      throw new ConnectionLost();
    }
  }
}
