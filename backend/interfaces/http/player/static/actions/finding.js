// Finding: a detector's boxes for a text become objects of the open frame.

/** @typedef {import("../types.js").Box} Box */

export class Finding {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("./prompts.js").Prompts} prompts
   */
  constructor(transport, store, prompts) {
    this.transport = transport;
    this.store = store;
    this.prompts = prompts;
    this.notices = prompts.changes.notices;
  }

  /** Finds what a text describes on the open frame. It takes seconds: other work goes on beside it. @param {string} text */
  async find(text) {
    const { state } = this.store;
    const words = text.trim();
    if (!words || state.finding || this.prompts.changes.refuse()) return;
    this.store.act("set", { finding: true });
    try {
      const { detections, known } = await this.transport.detect(state.frame, words);
      this.notices.succeed("finding");
      await this.#take(state.frame, words, detections.map(({ box }) => box), known);
    } catch (error) {
      this.notices.fail(error, "finding");
    } finally {
      this.store.act("set", { finding: false });
    }
  }

  /**
   * Makes an object of each box and says what was found.
   * @param {number} frame
   * @param {string} words
   * @param {Box[]} boxes
   * @param {number} known  those that are objects already
   */
  async #take(frame, words, boxes, known) {
    const before = known ? ` ${known === 1 ? "One more is" : `${known} more are`} marked already.` : "";
    if (!boxes.length) {
      const text = known ? `Nothing new like “${words}” is on frame ${frame + 1}.${before}` : `Nothing like “${words}” was found on frame ${frame + 1}.`;
      this.notices.say(text, known ? "" : "Use other words, or click the object.", { source: "finding" });
      return;
    }
    const label = this.#labelOf(words);
    if (!label) {
      this.notices.say("The project has no labels.", "Add one to its label config.", { source: "finding" });
      return;
    }
    const ids = this.prompts.addBoxes(frame, label, boxes);
    await this.prompts.changes.settled();
    if (!ids.length || this.store.state.notice) return; // what failed is said
    const isOne = ids.length === 1;
    const found = isOne ? ids[0] : `${ids.length} objects, ${ids[0]} to ${ids.at(-1)},`;
    const wayOut = isOne ? "Forget it if it is wrong." : "Forget those that are wrong.";
    this.notices.say(`Found on frame ${frame + 1}: ${found} for “${words}”.${before}`, wayOut, { source: "finding" });
  }

  /** The label that is called like the text, else that of the selected object, else the first. @param {string} words */
  #labelOf(words) {
    const { labels, objects, selected } = this.store.state;
    const named = labels.find(({ name }) => name.toLowerCase() === words.toLowerCase());
    return named?.name ?? objects.find(({ id }) => id === selected)?.label ?? labels[0]?.name ?? "";
  }
}
