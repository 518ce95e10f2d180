// Calls to one of Masklet's APIs, of the player's and of the lead's page: sign-in, errors, lost connections.

import { ApiError, ConnectionLost, isAborted } from "./errors.js";

/** The headers of a call that changes something. */
export const CHANGE = { "X-Masklet-Player": "1", "Content-Type": "application/json" };

const TRY_AGAIN = "Try again.";
const SERVER_ERROR = 500;

export class Calls {
  /**
   * @param {string} root  of the API, without a slash at its end
   * @param {(address: string) => Promise<Response> | undefined} early  an answer to a reading that was asked for before
   */
  constructor(root, early = () => undefined) {
    this.root = root;
    this.early = early;
    /** Called after each call with whether the server answered, whatever it answered. */
    this.onReach = (/** @type {boolean} */ _answered) => {};
    /** Called after each sign-in. */
    this.onSignIn = () => {};
    /** The token of the last sign-in; a sign-in that has ended is renewed with it. */
    this.token = "";
  }

  /**
   * @param {string} token  of Label Studio; "": its cookie counts, or an earlier sign-in by token
   * @returns {Promise<{user: string, name: string}>}
   */
  async signIn(token = this.token) {
    /** @type {{user: string, name: string}} */
    const person = await this.call("POST", `${this.root}/session`, token ? { token } : {});
    this.token = token;
    this.onSignIn();
    return person;
  }

  /**
   * @template Answer
   * @param {string} method
   * @param {string} address
   * @param {object} [body]
   * @returns {Promise<Answer>}
   */
  async call(method, address, body) {
    const headers = method === "GET" ? {} : CHANGE;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const reply = await this.#fetch(address, { method, headers, body: sent });
    return reply.json();
  }

  /** A picture. @param {string} address @param {AbortSignal} [signal] @returns {Promise<Blob>} */
  async blob(address, signal) {
    const reply = await this.#fetch(address, { signal });
    return reply.blob();
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
    /** @type {Partial<import("../types.js").Problem>} */
    const problem = await reply.json().catch(() => ({}));
    const sentence = problem.detail || `Masklet answered with status ${reply.status}.`;
    // What is refused for what it is would be refused again.
    const usual = reply.status >= SERVER_ERROR || !problem.detail ? TRY_AGAIN : "";
    throw new ApiError(reply.status, sentence, problem.way_out || usual);
  }

  /** @param {string} address @param {RequestInit} options @returns {Promise<Response>} */
  async #reach(address, options) {
    const asked = options.method === "GET" ? this.early(address) : undefined;
    try {
      const reply = await (asked ?? fetch(address, { credentials: "same-origin", ...options }));
      this.onReach(true);
      return reply;
    } catch (error) {
      if (isAborted(error)) throw error;
      this.onReach(false);
      throw new ConnectionLost();
    }
  }
}
