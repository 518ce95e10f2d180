// Undo and redo of prompts: each step is the prompt of one object on one frame before and after.

/** @typedef {import("../types.js").Prompt} Prompt */
/** @typedef {{object: string, frame: number, before: Prompt | null, after: Prompt | null}} Step */
/** @typedef {{step: Step, prompt: Prompt | null}} Repeat  a step to repeat and the prompt to set */

export const MOST_STEPS = 200;

export class History {
  constructor() {
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
  }

  /** @param {Step} step */
  add(step) {
    this.done.push(step);
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
  }

  /** The step to take back, with the prompt to set; null without one. @returns {Repeat | null} */
  undo() {
    const step = this.done.pop();
    if (!step) return null;
    this.undone.push(step);
    return { step, prompt: step.before };
  }

  /** @returns {Repeat | null} */
  redo() {
    const step = this.undone.pop();
    if (!step) return null;
    this.done.push(step);
    return { step, prompt: step.after };
  }

  /** Drops the steps of an object that was forgotten. @param {string | null} object  null: all */
  forget(object) {
    const keeps = (/** @type {Step} */ step) => object !== null && step.object !== object;
    this.done = this.done.filter(keeps);
    this.undone = this.undone.filter(keeps);
  }
}
