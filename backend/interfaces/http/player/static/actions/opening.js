// Opens the task that the address names.

import { ApiError, ConnectionLost, isSignInNeeded } from "../server/errors.js";

const AGAIN_MS = 1500;

/**
 * Signs in, finds the task and reads it. Asks again while the server does not answer or is not ready, and after a sign-in.
 * @param {import("../types.js").AddressedTask} addressed
 * @param {import("../server/transport.js").Transport} transport
 * @param {import("./notices.js").Notices} notices
 * @param {() => Promise<void>} nextSignIn  resolves when somebody has signed in
 * @returns {Promise<import("../types.js").TaskDocument | null>} null: refused, which is said
 */
export async function openTask(addressed, transport, notices, nextSignIn) {
  for (;;) {
    try {
      await transport.signIn();
      await transport.find(addressed);
      const task = await transport.task((detail) => notices.say(detail, "", { source: "opening" }));
      notices.dismiss();
      return task;
    } catch (error) {
      notices.fail(error, "opening");
      if (isSignInNeeded(error)) await nextSignIn();
      else if (isTemporary(error)) await new Promise((resume) => setTimeout(resume, AGAIN_MS));
      else return null;
    }
  }
}

/** @param {unknown} error @returns {boolean} whether asking again may help */
function isTemporary(error) {
  return error instanceof ConnectionLost || (error instanceof ApiError && error.status >= 500);
}
