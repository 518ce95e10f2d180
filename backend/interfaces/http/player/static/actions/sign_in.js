// Signing in by token, where the browser has no login to Label Studio that Masklet sees.

export class SignIn {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("./notices.js").Notices} notices
   * @param {() => void} onTaken  called when a token was taken
   */
  constructor(transport, store, notices, onTaken) {
    this.transport = transport;
    this.notices = notices;
    this.onTaken = onTaken;
    /** @type {(() => void)[]} */
    this.waiting = [];
    transport.onSignIn = () => {
      if (store.state.needsToken) store.act("set", { needsToken: false });
      for (const resume of this.waiting.splice(0)) resume();
    };
  }

  /** Resolves at the next sign-in. @returns {Promise<void>} */
  next() {
    return new Promise((resume) => this.waiting.push(resume));
  }

  /** @param {string} token  of Label Studio */
  async withToken(token) {
    try {
      await this.transport.signIn(token);
      this.notices.dismiss();
      this.onTaken();
    } catch (error) {
      this.notices.fail(error, "sign-in");
    }
  }
}
