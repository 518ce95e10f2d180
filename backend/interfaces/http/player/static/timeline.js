// The timeline: a lane an object over all frames, on one canvas. A click or drag moves the play head.

const LANE_PX = 16;
const HEAD_PX = 14;
const LABEL_PX = 84;
const LABEL_CHARACTERS = 14;

/** The name with its end, which tells objects of one label apart. @param {string} name */
function shortened(name) {
  return name.length <= LABEL_CHARACTERS ? name : `${name.slice(0, LABEL_CHARACTERS - 5)}…${name.slice(-4)}`;
}

export class Timeline {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./state.js").Store} store
   */
  constructor(canvas, store) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.store = store;
    this.pending = false;
    const seek = (/** @type {PointerEvent} */ event) => {
      if (!(event.buttons & 1)) return;
      store.act("set", { playing: false });
      store.act("frame", this.#frameAt(event.offsetX));
      const lane = Math.floor((event.offsetY - HEAD_PX) / LANE_PX);
      const object = store.state.objects[lane];
      if (event.type === "pointerdown" && object) store.act("select", object.id);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", seek);
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.#paint();
    });
  }

  /** @param {number} x  CSS pixels */
  #frameAt(x) {
    const width = this.canvas.clientWidth - LABEL_PX;
    return Math.floor(((x - LABEL_PX) / width) * this.store.state.video.frame_count);
  }

  #paint() {
    const { state } = this.store;
    const { canvas, context } = this;
    const height = HEAD_PX + LANE_PX * Math.max(state.objects.length, 1);
    canvas.style.height = `${height}px`;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(canvas);
    // A computed border colour is resolved; a custom property is not.
    const [ink, faint] = [style.color, style.borderTopColor];
    const count = state.video.frame_count || 1;
    const scale = (width - LABEL_PX) / count;
    const at = (/** @type {number} */ frame) => LABEL_PX + frame * scale;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    state.objects.forEach((object, position) => {
      const top = HEAD_PX + position * LANE_PX;
      context.fillStyle = object.id === state.selected ? ink : faint;
      context.fillText(shortened(object.id), 2, top + LANE_PX / 2, LABEL_PX - 6);
      const prompted = state.prompts.filter((each) => each.object === object.id).map((each) => each.frame);
      this.#lane(state.lanes[object.id], object.color, prompted, top, at, scale, faint);
    });
    context.fillStyle = ink;
    for (const cut of state.cuts) context.fillRect(at(cut), 0, 1, height);
    if (state.job && ["queued", "running"].includes(state.job.state)) {
      context.fillStyle = faint;
      context.fillRect(at(state.job.start), HEAD_PX - 4, (state.job.stop - state.job.start) * scale, 2);
      context.fillStyle = ink;
      const share = state.job.total ? state.job.done / state.job.total : 0;
      context.fillRect(at(state.job.start), HEAD_PX - 4, (state.job.stop - state.job.start) * scale * share, 2);
    }
    context.fillStyle = ink;
    context.globalAlpha = 0.25;
    context.fillRect(at(state.frame), 0, Math.max(scale, 2), height);
    context.globalAlpha = 1;
    context.fillRect(at(state.frame), 0, 2, height);
    context.fillText(String(state.frame + 1), Math.min(at(state.frame) + 4, width - 40), HEAD_PX / 2);
  }

  /** @param {import("./types.js").Lane | undefined} lane */
  #lane(lane, color, prompted, top, at, scale, faint) {
    const { context } = this;
    const bar = (/** @type {number} */ from, /** @type {number} */ frames, y = top + 3, height = LANE_PX - 6) =>
      context.fillRect(at(from), y, Math.max(frames * scale, 1), height);
    const { present, absent, uncertainty, human } = lane ?? { present: [], absent: [], uncertainty: [], human: [] };
    context.fillStyle = color;
    for (const [start, stop] of present) bar(start, stop - start);
    context.fillStyle = faint;
    for (const [start, stop] of absent) bar(start, stop - start, top + LANE_PX / 2 - 1, 2);
    for (const [frame, value] of uncertainty) {
      context.fillStyle = `rgba(210, 30, 30, ${Math.min(value, 1).toFixed(2)})`;
      bar(frame, 1, top + 1, LANE_PX - 2);
    }
    context.fillStyle = "#ffffff";
    context.strokeStyle = "#000000";
    for (const frame of new Set([...prompted, ...human])) {
      context.beginPath();
      context.arc(at(frame) + scale / 2, top + LANE_PX / 2, 3, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }
}
