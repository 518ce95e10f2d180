// Drawing on demand, at most once a display frame.

/** @param {() => void} paint @returns {() => void} asks for one paint at the next display frame */
export function oncePerFrame(paint) {
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      paint();
    });
  };
}
