// The state as the person sees it: with another person's objects and lanes while that person's masks are shown.

/** @typedef {import("./state.js").State} State */

/** @type {import("../types.js").Prompt[]} one value, so that nothing is drawn anew for it */
const NONE = [];

/**
 * The state to draw and to step through. Own prompts and the own range to approve are not part of another person's view.
 * @param {State} state
 * @returns {State}
 */
export function shown(state) {
  const { looked } = state;
  if (!looked) return state;
  const { objects, lanes, nextUncertain, selected } = looked;
  return { ...state, objects, lanes, nextUncertain, selected, prompts: NONE, selectedPrompt: null, rangeStart: null };
}

/** The person's name in a sentence or a list. @param {string} user  "": masks that have no person's name */
export function nameOf(user) {
  return user || "an import, or a person without a name";
}
