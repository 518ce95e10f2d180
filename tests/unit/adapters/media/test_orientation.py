"""The eight orientations: the same picture in decoding, pages, copies and exports.

tests/browser/test_video_orientations.py compares them with what a browser shows.
"""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from backend.adapters.media.cache import file_hash
from backend.adapters.media.decode import open_video
from backend.adapters.media.orientation import Orientation, orientation_of
from backend.adapters.media.reencode import reencode
from backend.adapters.media.source_media import jpeg_of
from backend.domain.geometry import FrameSize
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.clips import ORIENTATIONS, ClipSpec, corners_of, set_matrix, write_clip

SHOWN = {
    "upright": "white black grey grey",
    "turned by 90": "grey white grey black",
    "turned by 180": "grey grey black white",
    "turned by 270": "black grey white grey",
    "mirrored left to right": "black white grey grey",
    "mirrored top to bottom": "grey grey white black",
    "mirrored along the diagonal": "white grey black grey",
    "mirrored along the other diagonal": "grey black grey white",
}
"""The corners of frame 1 in a browser."""

ONE = FrameIndex(1)


@pytest.fixture(params=SHOWN)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clip(tmp_path: Path, name: str) -> Path:
    return set_matrix(write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=3)), ORIENTATIONS[name])


def test_frames_and_pages_are_shown_as_in_a_browser(clip: Path, name: str) -> None:
    is_turned = any(ORIENTATIONS[name][1:3])
    with open_video(clip, file_hash(clip)) as video:
        assert video.info.size == (FrameSize(48, 64) if is_turned else FrameSize(64, 48))
        frames = dict(video.frames(FrameRange(FrameIndex(0), FrameIndex(3)), backward=True))
        assert corners_of(video.frame(ONE)) == corners_of(frames[ONE]) == SHOWN[name]
        assert np.array_equal(frames[ONE], video.frame(ONE))
        assert frames[ONE].shape == (video.info.size.height, video.info.size.width, 3)
        assert corners_of(np.asarray(Image.open(io.BytesIO(jpeg_of(video, ONE))))) == SHOWN[name]


def test_a_copy_is_shown_as_its_original(clip: Path, name: str, tmp_path: Path) -> None:
    copy = reencode(clip, tmp_path / "out").path
    with open_video(clip, file_hash(clip)) as before, open_video(copy, file_hash(copy)) as after:
        assert after.info.size == before.info.size
        assert corners_of(after.frame(ONE)) == SHOWN[name]


def test_a_frame_without_a_matrix_is_upright() -> None:
    frame = VideoFrame.from_ndarray(np.zeros((4, 4, 3), np.uint8), format="rgb24")
    assert orientation_of(frame) == Orientation()


def test_an_angle_between_two_turns_is_the_nearer_one(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(-80)
        container.mux(stream.encode(VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert orientation_of(next(container.decode(video=0))) == Orientation(90)
