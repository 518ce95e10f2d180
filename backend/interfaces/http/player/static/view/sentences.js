// Sentences of the server, for both pages.

/** They may lack their full stop. @param {string} sentence */
export function ended(sentence) {
  return !sentence || /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}
