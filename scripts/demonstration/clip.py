"""A clip for Label Studio: a video file, its pages as images, and the clicks.

Owns the files under Label Studio's root of local files. The demo's own clip is drawn with its true masks. A user's clip
is copied and has no true masks. A clip is made once and reused.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from scripts.demonstration.demo_clip import DEMO_FRAME_RATE, demo_clip
from scripts.demonstration.write_video import write_video

CLIPS = "clips"
"""The folder under the root that projects may show."""

MOST_PAGES = 300
PAGE_QUALITY = 92
LABELS = ("Object 1", "Object 2", "Object 3")
"""The object labels of the files in label_config/."""

BoolArray = NDArray[np.bool_]


class ClipFailed(Exception):
    """The clip cannot be used; the message has the reason and a remedy."""


@dataclass(frozen=True, slots=True)
class Click:
    """A positive click on one page. page is 0-based; x and y are percent of the page."""

    label: str
    page: int
    x_pct: float
    y_pct: float


@dataclass(frozen=True, slots=True)
class Clip:
    """A prepared clip. truth: [T, N, H, W] bool, objects in the order of LABELS; None if unknown."""

    name: str
    folder: Path
    pages: int
    stride: int
    width: int
    height: int
    clicks: tuple[Click, ...]
    truth: BoolArray | None

    @property
    def video(self) -> Path:
        return next(self.folder.glob("video.*"))

    def addresses(self, shown_as: str = CLIPS) -> dict[str, object]:
        """The task data for all of our label configs; each reads its own fields.

        shown_as: the folder of clips below Label Studio's root of local files.
        """
        base = f"/data/local-files/?d={shown_as}/{self.folder.name}"
        frames = [f"{base}/pages/{index:06d}.jpg" for index in range(self.pages)]
        video = f"{base}/{self.video.name}"
        # The overlay video replaces this address once it exists; until then both players show the video.
        return {"clip": self.name, "video": video, "overlay": video, "frames": frames, "image": frames[0]}


def prepare_demo_clip(files: Path) -> Clip:
    """Makes the demo's clip with its true masks, or finds it."""
    drawn = demo_clip()
    digest = hashlib.sha256(drawn.frames.tobytes()).hexdigest()[:12]
    folder = files / CLIPS / f"demo-{digest}"
    count, height, width = drawn.frames.shape[:3]
    if not _is_complete(folder):
        _start(folder)
        write_video(drawn.frames, folder / "video.mp4", frame_rate=DEMO_FRAME_RATE)
        _finish(folder, pages=_write_pages(folder, folder / "video.mp4", stride=1), stride=1)
    clicks = tuple(_click_on(drawn.masks[:, index], label) for index, label in enumerate(LABELS[: len(drawn.names)]))
    return Clip(f"demo ({', '.join(drawn.names)})", folder, count, 1, width, height, clicks, drawn.masks)


def prepare_user_clip(files: Path, video: Path) -> Clip:
    """Makes a user's clip, or finds it: at most 300 evenly spaced pages, one click in the middle of the first page.

    Raises ClipFailed if the file is missing or is not a video.
    """
    try:
        with video.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:12]
    except OSError as error:
        raise ClipFailed(f"{video} cannot be read: {error.strerror}") from error
    folder = files / CLIPS / f"clip-{digest}"
    if not _is_complete(folder):
        stride = max(1, math.ceil(_count_frames(video) / MOST_PAGES))
        _start(folder)
        copied = folder / f"video{video.suffix.lower()}"
        shutil.copyfile(video, copied)
        _finish(folder, pages=_write_pages(folder, copied, stride=stride), stride=stride)
    facts = json.loads((folder / "clip.json").read_text())
    first = cv2.imread(str(folder / "pages" / "000000.jpg"))
    assert first is not None, "pages are written before clip.json"
    height, width = first.shape[:2]
    clicks = (Click(LABELS[0], 0, 50.0, 50.0),)
    return Clip(video.name, folder, facts["pages"], facts["stride"], width, height, clicks, None)


def _click_on(masks: BoolArray, label: str) -> Click:
    """A click on an object's innermost pixel on the first page that shows it. masks: bool [T, H, W]."""
    page = int(masks.any((1, 2)).argmax())
    depth = cv2.distanceTransform(np.pad(masks[page], 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    height, width = masks.shape[1:]
    return Click(label, page, (int(x) + 0.5) / width * 100, (int(y) + 0.5) / height * 100)


def _count_frames(video: Path) -> int:
    return sum(1 for _ in _decoded(video))


def _decoded(video: Path) -> Iterator[VideoFrame]:
    """The video's frames in order. Raises ClipFailed if there are none."""
    count = 0
    try:
        with av.open(str(video)) as container:
            if not container.streams.video:
                raise ClipFailed(f"{video.name} has no video stream")
            for frame in container.decode(video=0):
                count += 1
                yield frame
    except av.FFmpegError as error:
        if count == 0:
            raise ClipFailed(f"{video.name} cannot be decoded as a video ({error.strerror})") from error
        # a truncated end: the decoded frames are valid
    if count == 0:
        raise ClipFailed(f"{video.name} has no frames")


def _write_pages(folder: Path, video: Path, *, stride: int) -> int:
    pages = folder / "pages"
    pages.mkdir()
    written = 0
    for frame in islice(_decoded(video), 0, None, stride):
        bgr = frame.to_ndarray(format="bgr24")
        turns = round(-frame.rotation / 90) % 4
        cv2.imwrite(str(pages / f"{written:06d}.jpg"), np.rot90(bgr, -turns), [cv2.IMWRITE_JPEG_QUALITY, PAGE_QUALITY])
        written += 1
    return written


def _start(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _finish(folder: Path, *, pages: int, stride: int) -> None:
    """Writes clip.json, the last file. A clip without it was interrupted and is made again."""
    (folder / "clip.json").write_text(json.dumps({"pages": pages, "stride": stride}))


def _is_complete(folder: Path) -> bool:
    return (folder / "clip.json").exists()
