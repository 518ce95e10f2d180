// Numbers and names as the page words them.

/** @typedef {import("../types.js").Interval} Interval */

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** @param {number | null | undefined} value @param {number} [digits] */
export function number(value, digits = 2) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

/** A share, never without its interval. @param {Interval | null} interval */
export function interval(interval) {
  if (!interval) return "not observed";
  return `${number(interval.mean)} (${number(interval.low)}–${number(interval.high)})`;
}

/** @param {number | null} seconds */
export function duration(seconds) {
  if (seconds === null) return "–";
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 2 ** 20) return `${Math.max(Math.round(bytes / 1024), 1)} KiB`;
  return bytes < 2 ** 30 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** A person's name; a batch has none. @param {string} user */
export function person(user) {
  return user || "nobody (a batch)";
}

/** @param {{task: number, name: string}} task */
export function title(task) {
  return task.name || `task ${task.task}`;
}
