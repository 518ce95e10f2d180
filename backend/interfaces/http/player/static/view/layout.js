// The page's places: where views are drawn, and the two canvases.

/**
 * @typedef {object} Places
 * @property {HTMLElement} toolbar
 * @property {HTMLElement} notice
 * @property {HTMLElement} status  a live region
 * @property {HTMLElement} objects
 * @property {HTMLElement} thumbnails
 * @property {HTMLElement} propagation
 * @property {HTMLElement} help
 * @property {HTMLCanvasElement} canvas  the stage
 * @property {HTMLCanvasElement} lanes  the timeline
 */

/** Fills the page's root with its places, in the order in which a keyboard goes through them. @param {HTMLElement} root @returns {Places} */
export function layOut(root) {
  root.textContent = "";
  const place = (/** @type {string} */ name) => {
    const made = document.createElement("div");
    made.className = `slot-${name}`;
    root.append(made);
    return made;
  };
  const toolbar = place("toolbar");
  const notice = place("notice");
  const status = place("status");
  status.id = "status";
  status.setAttribute("role", "status");
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.className = "stage";
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Video frame with masks");
  canvas.setAttribute("aria-describedby", status.id);
  place("picture").append(canvas);
  const objects = place("objects");
  const thumbnails = place("thumbnails");
  thumbnails.setAttribute("role", "group");
  thumbnails.setAttribute("aria-label", "Frames around this one");
  const propagation = place("propagation");
  const lanes = document.createElement("canvas");
  lanes.className = "timeline";
  lanes.tabIndex = 0;
  lanes.setAttribute("role", "slider");
  lanes.setAttribute("aria-label", "Frame, on the timeline with a lane per object");
  place("timeline").append(lanes);
  return { toolbar, notice, status, objects, thumbnails, propagation, help: place("help"), canvas, lanes };
}
