// The play head: the frame for the time that has passed, at the video's rate. Waits for pictures instead of skipping to none.

export class Playback {
  /**
   * @param {import("./state.js").Store} store
   * @param {import("./frame_cache.js").FrameCache} frames
   */
  constructor(store, frames) {
    this.store = store;
    this.frames = frames;
    this.startedMs = 0;
    this.startedAtS = 0;
    this.shown = 0;
    this.dropped = 0;
    store.listen((state, before) => {
      if (state.playing && !before.playing) this.#start();
      if (state.playing && (state.speed !== before.speed)) this.#start();
    });
  }

  /** The time of a frame in seconds. @param {number} frame */
  timeOf(frame) {
    const { times_s: times, frame_rate: rate } = this.store.state.video;
    return times ? times[frame] - times[0] : frame / rate;
  }

  #start() {
    const { state } = this.store;
    if (state.frame >= state.video.frame_count - 1) this.store.act("frame", 0);
    this.startedMs = performance.now();
    this.startedAtS = this.timeOf(this.store.state.frame);
    requestAnimationFrame((now) => this.#tick(now));
  }

  /** @param {number} now */
  #tick(now) {
    const { state } = this.store;
    if (!state.playing) return;
    const last = state.video.frame_count - 1;
    const dueS = this.startedAtS + ((now - this.startedMs) / 1000) * state.speed;
    let due = state.frame;
    while (due < last && this.timeOf(due + 1) <= dueS) due += 1;
    if (due > state.frame) {
      let frame = due;
      while (frame > state.frame && !this.frames.bitmap(frame)) frame -= 1;
      if (frame > state.frame) {
        this.shown += 1;
        this.dropped += frame - state.frame - 1;
        this.store.act("frame", frame);
      } else {
        // No picture is here yet: the clock waits for it.
        this.startedMs = now;
        this.startedAtS = this.timeOf(state.frame);
      }
    }
    if (this.store.state.frame >= last) {
      if (state.loop) this.store.act("frame", 0);
      else this.store.act("set", { playing: false });
      this.startedMs = now;
      this.startedAtS = 0;
    }
    requestAnimationFrame((later) => this.#tick(later));
  }
}
