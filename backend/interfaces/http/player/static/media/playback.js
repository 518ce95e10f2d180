// The play head: the frame for the time that has passed, at the video's rate. Waits for pictures instead of skipping to none.

export class Playback {
  /**
   * @param {import("../state/state.js").Store} store
   * @param {(frame: number) => boolean} isReady  whether a frame can be shown with its masks
   */
  constructor(store, isReady) {
    this.store = store;
    this.isReady = isReady;
    this.startedMs = 0;
    this.startedAtS = 0;
    this.handle = 0;
    /** Frames that were shown and left out since the page was opened. */
    this.shown = 0;
    this.dropped = 0;
    store.listen((state, before) => {
      const starts = state.playing && !before.playing;
      if (starts && state.frame >= state.video.frame_count - 1) store.act("frame", 0);
      if (starts || (state.playing && state.speed !== before.speed)) this.#start();
    });
  }

  /** The time of a frame in seconds; of the frame after the last one, the video's end. @param {number} frame */
  timeOf(frame) {
    const { times_s: times, frame_rate: rate, frame_count: count } = this.store.state.video;
    if (!times) return frame / rate;
    return frame < count ? times[frame] - times[0] : times[count - 1] - times[0] + 1 / rate;
  }

  #start() {
    this.#restartClock(performance.now());
    cancelAnimationFrame(this.handle);
    this.handle = requestAnimationFrame((now) => this.#tick(now));
  }

  /** Makes the open frame the one of now. @param {number} now  milliseconds */
  #restartClock(now) {
    this.startedMs = now;
    this.startedAtS = this.timeOf(this.store.state.frame);
  }

  /** @param {number} now  milliseconds */
  #tick(now) {
    const { state } = this.store;
    if (!state.playing) return;
    const { frame } = state;
    const count = state.video.frame_count;
    const dueS = this.startedAtS + ((now - this.startedMs) / 1000) * state.speed;
    let due = frame;
    while (due < count && this.timeOf(due + 1) <= dueS) due += 1;
    if (due >= count && frame === count - 1) this.#end(now);
    else if (due > frame) this.#show(this.#ready(frame, Math.min(due, count - 1)), now);
    this.handle = requestAnimationFrame((later) => this.#tick(later));
  }

  /** The last frame after `frame`, up to `due`, that can be shown; `frame` if there is none. @param {number} frame @param {number} due */
  #ready(frame, due) {
    let found = due;
    while (found > frame && !this.isReady(found)) found -= 1;
    return found;
  }

  /** @param {number} next @param {number} now */
  #show(next, now) {
    const { frame } = this.store.state;
    if (next === frame) {
      this.#restartClock(now);
      return;
    }
    this.shown += 1;
    this.dropped += next - frame - 1;
    this.store.act("frame", next);
  }

  /** @param {number} now */
  #end(now) {
    if (!this.store.state.loop) {
      this.store.act("set", { playing: false });
      return;
    }
    this.store.act("frame", 0);
    this.#restartClock(now);
  }
}
