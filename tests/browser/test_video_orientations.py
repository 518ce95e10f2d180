"""Real Chromium shows a video in each of the eight orientations as Masklet reads it, and its re-encoded copy too."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from backend.adapters.media.cache import file_hash
from backend.adapters.media.decode import open_video
from backend.adapters.media.reencode import reencode
from backend.domain.geometry import RgbFrame
from backend.domain.video import FrameIndex
from tests.fakes.clips import ORIENTATIONS, ClipSpec, corners_of, set_matrix, write_clip

SHOWN = """
async address => {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  video.src = address;
  document.body.replaceChildren(video);
  let again = 0, seeks = 0;
  await new Promise((shown, failed) => {
    // The event "seeked" may come before the picture does. A picture that is shown before it is asked for is not told:
    // another time within the same frame shows it again. After five such times, each a second apart, it is there.
    const look = (_, frame) => (frame.mediaTime > 0.02 ? shown() : video.requestVideoFrameCallback(look));
    video.requestVideoFrameCallback(look);
    const seek = () => { video.currentTime = 0.045 + 0.001 * (seeks++ % 10); };
    video.onloadeddata = () => { seek(); again = setInterval(seek, 1000); };
    video.onseeked = () => { if (seeks > 5) shown(); };
    video.onerror = () => failed(new Error(video.error.message));
  }).finally(() => clearInterval(again));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return { height: canvas.height, pixels: Array.from(pixels) };
}
"""


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_browser_and_masklet_show_one_picture(browser: Browser, tmp_path: Path, name: str) -> None:
    clip = set_matrix(write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=3)), ORIENTATIONS[name])
    copy = reencode(clip, tmp_path / "out").path
    page = browser.new_page()
    for path in (clip, copy):
        with open_video(path, file_hash(path)) as video:
            read = video.frame(FrameIndex(1))
        seen = shown(page, path)
        assert seen.shape == read.shape
        assert corners_of(seen) == corners_of(read)
    page.close()


def shown(page: Page, path: Path) -> RgbFrame:
    """Frame 1 (of 30 a second) as the page paints it, [H, W, 3] uint8."""
    address = "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
    picture = page.evaluate(SHOWN, address)
    return np.array(picture["pixels"], np.uint8).reshape(picture["height"], -1, 4)[..., :3]
