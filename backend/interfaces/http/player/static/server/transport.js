// Calls to Masklet's player API. Knows addresses and errors; owns no state of the page.

import { CHANGE, Calls } from "./calls.js";
import { Stream } from "./stream.js";

/** @typedef {import("../types.js").TaskDocument} TaskDocument */
/** @typedef {import("../types.js").OpeningDocument} OpeningDocument */
/** @typedef {import("../types.js").MaskEntry} MaskEntry */
/** @typedef {import("../types.js").Job} Job */
/** @typedef {import("../types.js").PromptAnswer} PromptAnswer */

const OPENING_POLL_MS = 500;

export class Transport extends Calls {
  /** @param {string} root  of the API, without a slash at its end */
  constructor(root = "/api/player") {
    super(root);
    this.base = "";
  }

  /**
   * Finds the task and keeps its address for all later calls.
   * @param {import("../types.js").AddressedTask} addressed
   */
  async find(addressed) {
    let task = "task" in addressed ? addressed.task : 0;
    if ("value" in addressed) {
      const query = new URLSearchParams({
        project: String(addressed.project), field: addressed.field, value: addressed.value,
      });
      /** @type {{task: number}} */
      const found = await this.call("GET", `${this.root}/tasks?${query}`);
      task = found.task;
    }
    this.base = `${this.root}/tasks/${addressed.project}/${task}`;
  }

  /**
   * The task. Waits while a worker opens the media.
   * @param {(detail: string) => void} onWait
   * @returns {Promise<TaskDocument>}
   */
  async task(onWait = () => {}) {
    for (;;) {
      /** @type {TaskDocument | OpeningDocument} */
      const document = await this.call("GET", this.base);
      if (!("status" in document)) return document;
      onWait(document.detail);
      await new Promise((resume) => setTimeout(resume, OPENING_POLL_MS));
    }
  }

  /**
   * @param {number} frame
   * @param {AbortSignal} [signal]
   * @returns {Promise<Blob>} a JPEG file
   */
  picture(frame, signal) {
    return this.blob(`${this.base}/frames/${frame}`, signal);
  }

  /**
   * @param {number} start
   * @param {number} stop  exclusive
   * @param {string | null} [user]  another person; null: the signed-in one
   * @returns {Promise<{masks: MaskEntry[], revision: number}>}
   */
  masks(start, stop, user = null) {
    const whose = user === null ? "" : `&user=${encodeURIComponent(user)}`;
    return this.call("GET", `${this.base}/masks?start=${start}&stop=${stop}${whose}`);
  }

  /** @param {string | null} [user]  another person; null: the signed-in one @returns {Promise<import("../types.js").TimelineAnswer>} */
  timeline(user = null) {
    return this.call("GET", `${this.base}/timeline${user === null ? "" : `?user=${encodeURIComponent(user)}`}`);
  }

  /** Who has prompts on the task; refused where people do not see each other's. @returns {Promise<{users: import("../types.js").UserEntry[]}>} */
  users() {
    return this.call("GET", `${this.base}/users`);
  }

  /**
   * Replaces the prompt of an object on a frame; null removes it.
   * @param {number} frame
   * @param {string} object
   * @param {import("../types.js").PromptBody | null} prompt
   * @returns {Promise<PromptAnswer>}
   */
  setPrompt(frame, object, prompt) {
    const address = `${this.base}/prompts/${frame}/${encodeURIComponent(object)}`;
    return prompt === null ? this.call("DELETE", address) : this.call("PUT", address, prompt);
  }

  /** @param {string | null} object  null: all @returns {Promise<PromptAnswer>} */
  forget(object) {
    const end = object === null ? "" : `/${encodeURIComponent(object)}`;
    return this.call("DELETE", `${this.base}/objects${end}`);
  }

  /** @param {string} object @param {string} label @returns {Promise<PromptAnswer>} */
  rename(object, label) {
    return this.call("PATCH", `${this.base}/objects/${encodeURIComponent(object)}`, { label });
  }

  /** @param {import("../types.js").HoverBody} wanted @returns {Promise<{masks: MaskEntry[]}>} */
  hover(wanted) {
    return this.call("POST", `${this.base}/hover`, wanted);
  }

  /**
   * Finds what a text describes on a frame.
   * @param {number} frame
   * @param {string} text
   * @returns {Promise<{detections: {box: import("../types.js").Box, score: number}[], known: number}>}
   */
  detect(frame, text) {
    return this.call("POST", `${this.base}/detections`, { frame, text });
  }

  /** @param {number[]} frames */
  prewarm(frames) {
    return this.call("POST", `${this.base}/prewarm`, { frames });
  }

  /** Says that the person works. It outlives the page, and says nothing of the connection. @param {string | null} object */
  async beat(object) {
    const body = JSON.stringify({ object });
    await fetch(`${this.base}/activity`, { method: "POST", headers: CHANGE, body, credentials: "same-origin", keepalive: true });
  }

  /** @param {import("../types.js").PropagationBody} wanted @returns {Promise<Job>} */
  propagate(wanted) {
    return this.call("POST", `${this.base}/propagations`, wanted);
  }

  /** @param {string} id @returns {Promise<Job>} */
  stop(id) {
    return this.call("POST", `${this.base}/propagations/${encodeURIComponent(id)}/stop`, {});
  }

  /** @param {import("../types.js").ApprovalBody} range @returns {Promise<PromptAnswer>} */
  approve(range) {
    return this.call("PUT", `${this.base}/approvals`, range);
  }

  /**
   * Sets a verdict; null takes it back.
   * @param {string | null} object  null: the whole task
   * @param {{verdict: import("../types.js").VerdictName, comment: string} | null} verdict
   * @returns {Promise<{verdicts: import("../types.js").Verdict[]}>}
   */
  setVerdict(object, verdict) {
    const address = `${this.base}/verdicts${object === null ? "" : `/${encodeURIComponent(object)}`}`;
    return verdict === null ? this.call("DELETE", address) : this.call("PUT", address, verdict);
  }

  /**
   * Follows the newest propagation.
   * @param {string} cursor  "": from its first mask
   * @param {import("./stream.js").StreamListener} on
   * @returns {() => void} ends it
   */
  follow(cursor, on) {
    const stream = new Stream((from) => `${this.base}/events?cursor=${encodeURIComponent(from)}`, cursor, on, () => this.ping());
    return () => stream.close();
  }

  /** Asks whether the server answers and knows the person; signs in where it does not. @returns {Promise<unknown>} */
  ping() {
    return this.signIn();
  }
}
