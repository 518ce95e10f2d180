// The colours of scores, those that Label Studio's page writes scores on. A score is 1 - uncertainty.

/** From score 0 to score 1; the same list as in backend/codecs/score_marks.py. */
export const SCALE = [
  "#c22525", "#c13025", "#bf3b24", "#be4624", "#bc5124", "#bb5b23", "#ba6623", "#b87023", "#b77a22", "#b58422",
  "#b48d22", "#b39722", "#b1a021", "#b0aa21", "#aaae21", "#9ead20", "#93ab20", "#87aa20", "#7ca91f", "#71a71f",
  "#66a61f", "#5ba41e", "#51a31e", "#46a21e", "#3ca01e", "#329f1d", "#289d1d", "#1e9c1d", "#1c9a24", "#1c992d",
  "#1c992d",
];

/**
 * @param {number} uncertainty  0..1
 * @returns {string} #rrggbb
 */
export function scoreColor(uncertainty) {
  const score = Math.round((1 - Math.min(Math.max(uncertainty, 0), 1)) * 1e4) / 1e4;
  return SCALE[Math.ceil(score * (SCALE.length - 1))];
}
