// Runs in every frame before the page's own scripts. Records what is painted on the player's canvas, and when.
// Times are milliseconds since the page was opened (performance.now), as are the times of input events.
(() => {
  const MOST_PAINTS = 4000;
  /**
   * paints: of the player's canvas. at: after the browser has taken the picture over. frame: its number. complete:
   * whether its picture is there. masks: whether masks are drawn. known: objects with a mask there. hover: the number
   * of the drawn hover mask, 0 without one.
   */
  const probe = { paints: [], inputs: { pointerdown: 0, keydown: 0 }, last: {} };
  window.masklet_probe = probe;

  for (const name of ["pointerdown", "pointerup", "pointermove", "keydown"]) {
    addEventListener(name, (event) => {
      if (!event.isTrusted) return;
      probe.last[name] = event.timeStamp;
      if (name in probe.inputs) probe.inputs[name] += 1;
    }, { capture: true, passive: true });
  }

  // The first picture of a paint is the frame. What follows is masks; the mask under the mouse is half transparent.
  let drawn = { count: 0, masks: false, hover: 0 };
  const numbers = new WeakMap();
  let newest = 0;
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (source, ...rest) {
    if (this.canvas instanceof HTMLCanvasElement && this.canvas.classList.contains("stage")) {
      drawn.count += 1;
      if (drawn.count > 1 && this.globalAlpha === 1) drawn.masks = true;
      if (drawn.count > 1 && this.globalAlpha < 1) {
        if (!numbers.has(source)) numbers.set(source, (newest += 1));
        drawn.hover = numbers.get(source);
      }
    }
    return draw.call(this, source, ...rest);
  };

  function painted(canvas) {
    const frame = Number(canvas.dataset.frame);
    const known = window.masklet?.masks.at(frame).filter((mask) => mask.rle).length ?? 0;
    const paint = { at: 0, frame, complete: canvas.dataset.complete === "true", known, ...drawn };
    drawn = { count: 0, masks: false, hover: 0 };
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = () => {
      paint.at = performance.now();
      probe.paints.push(paint);
      if (probe.paints.length > MOST_PAINTS) probe.paints.splice(0, MOST_PAINTS / 2);
    };
    port1.postMessage(0);
  }

  // The page writes the frame's number on the canvas each time it has painted it.
  new MutationObserver((records) => {
    const stage = records.map((record) => record.target).find((target) => target.matches("canvas.stage"));
    if (stage) painted(stage);
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-frame"] });
})();
