// What a call ends with instead of an answer.

/** An answer that is not the wanted one. `wayOut`: what the person can do; may be empty. */
export class ApiError extends Error {
  /**
   * @param {number} status  HTTP status
   * @param {string} sentence
   * @param {string} wayOut
   */
  constructor(status, sentence, wayOut = "") {
    super(sentence);
    this.status = status;
    this.wayOut = wayOut;
  }
}

/** The server gave no answer. The call may have reached it. */
export class ConnectionLost extends Error {
  constructor() {
    super("Masklet does not answer.");
  }
}

/** @param {unknown} error @returns {boolean} whether nobody is signed in, or not any more */
export function isSignInNeeded(error) {
  return error instanceof ApiError && error.status === 401;
}

/** @param {unknown} error @returns {boolean} whether the page itself ended the call */
export function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
