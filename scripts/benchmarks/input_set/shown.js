// What Chromium shows of an address: a video at given times, or a picture, as base64 of [height, width] greys.
"use strict";

const PATIENCE_MS = 8000;

/** The greys of a video or picture as it is drawn into a canvas of its own size. */
function greys(source, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data;
  const bytes = new Uint8Array(width * height);
  for (let place = 0; place < bytes.length; place++) {
    bytes[place] = (pixels[4 * place] + pixels[4 * place + 1] + pixels[4 * place + 2]) / 3;
  }
  let text = "";
  for (let place = 0; place < bytes.length; place += 8192) {
    text += String.fromCharCode(...bytes.subarray(place, place + 8192));
  }
  return { width, height, greys: btoa(text) };
}

/** Resolves to true on the event, to false on the element's error or after PATIENCE_MS. */
function happened(element, event) {
  return new Promise((done) => {
    const timer = setTimeout(() => done(false), PATIENCE_MS);
    const end = (value) => () => { clearTimeout(timer); done(value); };
    element.addEventListener(event, end(true), { once: true });
    element.addEventListener("error", end(false), { once: true });
  });
}

window.shown = {
  video: null,

  /** Opens a video; its length and size, or the error in the browser's words. */
  async open(address) {
    this.close();
    const video = document.createElement("video");
    [video.muted, video.preload, this.video] = [true, "auto", video];
    const loaded = happened(video, "loadeddata");
    document.body.append(video);
    video.src = address;
    if (!(await loaded)) return { error: video.error?.message || video.error?.code || "no picture comes" };
    if (!video.videoWidth) return { error: "no picture, sound alone" };
    return { duration: video.duration, width: video.videoWidth, height: video.videoHeight };
  },

  /** The picture at each time in seconds; null where the browser shows none. waitMs: after each seek. */
  async at(times, waitMs) {
    const pictures = [];
    for (const time of times) {
      if (this.video.error) await this.open(this.video.src);
      const sought = happened(this.video, "seeked");
      this.video.currentTime = time;
      const done = !this.video.error && (await sought);
      if (waitMs) await new Promise((go) => setTimeout(go, waitMs));
      pictures.push(done ? greys(this.video, this.video.videoWidth, this.video.videoHeight) : null);
    }
    return pictures;
  },

  close() {
    if (this.video === null) return;
    this.video.removeAttribute("src");
    this.video.load();
    this.video.remove();
    this.video = null;
  },

  /** A picture as <img> shows it; null if it shows none. */
  async picture(address) {
    const image = new Image();
    image.src = address;
    try {
      await image.decode();
    } catch {
      return null;
    }
    return greys(image, image.naturalWidth, image.naturalHeight);
  },
};
