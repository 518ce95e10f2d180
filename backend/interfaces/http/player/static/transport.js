// Calls to Masklet's player API. Knows addresses and errors; owns no state of the page.

/** @typedef {import("./types.js").Prompt} Prompt */
/** @typedef {import("./types.js").TaskDocument} TaskDocument */
/** @typedef {import("./types.js").MaskEntry} MaskEntry */
/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").PromptAnswer} PromptAnswer */

const CHANGE = { "X-Masklet-Player": "1" };
const OPENING_POLL_MS = 500;

/** An answer that is not the wanted one. `wayOut`: what the person can do; may be empty. */
export class ApiError extends Error {
  /**
   * @param {number} status  HTTP status; 0 without an answer
   * @param {string} sentence
   * @param {string} wayOut
   */
  constructor(status, sentence, wayOut = "") {
    super(sentence);
    this.status = status;
    this.wayOut = wayOut;
  }
}

/**
 * The task that the page's own address names. The value of the task's data field is the rest of the address.
 * @param {string} search  location.search
 * @returns {{project: number, task: number} | {project: number, field: string, value: string}}
 */
export function addressedTask(search) {
  const raw = search.replace(/^\?/, "");
  const cut = raw.search(/(^|&)value=/);
  const named = new URLSearchParams(cut < 0 ? raw : raw.slice(0, cut));
  const project = Number(named.get("project"));
  if (!Number.isInteger(project) || project < 1) {
    throw new ApiError(0, "The address names no project.", "Open the player with ?project=NUMBER&task=NUMBER.");
  }
  if (cut >= 0) {
    const value = raw.slice(cut).replace(/^&?value=/, "");
    return { project, field: named.get("field") || "video", value: value.replaceAll("%20", " ") };
  }
  const task = Number(named.get("task"));
  if (!Number.isInteger(task) || task < 1) {
    throw new ApiError(0, "The address names no task.", "Open the player with ?project=NUMBER&task=NUMBER.");
  }
  return { project, task };
}

export class Transport {
  /** @param {string} root  of the API, without a slash at its end */
  constructor(root = "/api/player") {
    this.root = root;
    this.base = "";
  }

  /** @returns {Promise<{user: string, name: string}>} */
  signIn(token = "") {
    return this.#call("POST", `${this.root}/session`, token ? { token } : {});
  }

  /**
   * Finds the task and keeps its address for all later calls.
   * @param {ReturnType<typeof addressedTask>} addressed
   */
  async find(addressed) {
    let task = "task" in addressed ? addressed.task : 0;
    if ("value" in addressed) {
      const query = new URLSearchParams({
        project: String(addressed.project), field: addressed.field, value: addressed.value,
      });
      task = (await this.#call("GET", `${this.root}/tasks?${query}`)).task;
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
      const document = await this.#call("GET", this.base);
      if (document.status !== "opening") return document;
      onWait(document.detail);
      await new Promise((resume) => setTimeout(resume, OPENING_POLL_MS));
    }
  }

  /**
   * @param {number} frame
   * @param {AbortSignal} [signal]
   * @returns {Promise<Blob>} a JPEG file
   */
  async picture(frame, signal) {
    const reply = await this.#fetch(`${this.base}/frames/${frame}`, { signal });
    return reply.blob();
  }

  /**
   * @param {number} start
   * @param {number} stop  exclusive
   * @returns {Promise<{masks: MaskEntry[], revision: number}>}
   */
  masks(start, stop) {
    return this.#call("GET", `${this.base}/masks?start=${start}&stop=${stop}`);
  }

  timeline() {
    return this.#call("GET", `${this.base}/timeline`);
  }

  /**
   * Replaces the prompt of an object on a frame; null removes it.
   * @param {number} frame
   * @param {string} object
   * @param {object | null} prompt
   * @returns {Promise<PromptAnswer>}
   */
  setPrompt(frame, object, prompt) {
    const address = `${this.base}/prompts/${frame}/${encodeURIComponent(object)}`;
    return prompt === null ? this.#call("DELETE", address) : this.#call("PUT", address, prompt);
  }

  /** @param {string | null} object  null: all @returns {Promise<PromptAnswer>} */
  forget(object) {
    const end = object === null ? "" : `/${encodeURIComponent(object)}`;
    return this.#call("DELETE", `${this.base}/objects${end}`);
  }

  /** @param {string} object @param {string} label @returns {Promise<PromptAnswer>} */
  rename(object, label) {
    return this.#call("PATCH", `${this.base}/objects/${encodeURIComponent(object)}`, { label });
  }

  /**
   * @param {object} wanted  frame, object, label, point
   * @param {AbortSignal} signal
   * @returns {Promise<{masks: MaskEntry[]}>}
   */
  hover(wanted, signal) {
    return this.#call("POST", `${this.base}/hover`, wanted, signal);
  }

  /** @param {number[]} frames */
  prewarm(frames) {
    return this.#call("POST", `${this.base}/prewarm`, { frames });
  }

  /** @param {object} wanted  start, direction, count, objects @returns {Promise<Job>} */
  propagate(wanted) {
    return this.#call("POST", `${this.base}/propagations`, wanted);
  }

  /** @param {string} id @returns {Promise<Job>} */
  stop(id) {
    return this.#call("POST", `${this.base}/propagations/${encodeURIComponent(id)}/stop`, {});
  }

  /** @param {{object: string | null, start: number, stop: number}} range @returns {Promise<PromptAnswer>} */
  approve(range) {
    return this.#call("PUT", `${this.base}/approvals`, range);
  }

  /**
   * Follows the newest propagation. The browser reconnects by itself, from the last event it had.
   * @param {number} cursor
   * @param {{job: (job: Job) => void, masks: (masks: MaskEntry[], cursor: number) => void,
   *   problem: (problem: {detail: string, way_out?: string}) => void, end: () => void}} on
   * @returns {() => void} ends it
   */
  follow(cursor, on) {
    const source = new EventSource(`${this.base}/events?cursor=${cursor}`);
    source.addEventListener("job", (event) => on.job(JSON.parse(event.data)));
    source.addEventListener("masks", (event) => {
      const { masks, cursor: next } = JSON.parse(event.data);
      on.masks(masks, next);
    });
    source.addEventListener("problem", (event) => on.problem(JSON.parse(event.data)));
    source.addEventListener("end", () => {
      source.close();
      on.end();
    });
    return () => source.close();
  }

  /**
   * @param {string} method
   * @param {string} address
   * @param {object} [body]
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  async #call(method, address, body, signal) {
    const headers = method === "GET" ? {} : { ...CHANGE, "Content-Type": "application/json" };
    const reply = await this.#fetch(address, {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
    });
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
    let reply;
    try {
      reply = await fetch(address, { credentials: "same-origin", ...options });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "Masklet does not answer.", "The page tries again; what was said to be stored is stored.");
    }
    if (reply.ok) return reply;
    if (reply.status === 401 && !isRepeated && !address.endsWith("/session")) {
      await this.signIn();
      return this.#fetch(address, options, true);
    }
    let problem = {};
    try {
      problem = await reply.json();
    } catch {
      problem = {};
    }
    const { detail = `Masklet answered with status ${reply.status}.`, way_out: wayOut = "" } = problem;
    throw new ApiError(reply.status, detail, wayOut);
  }
}
