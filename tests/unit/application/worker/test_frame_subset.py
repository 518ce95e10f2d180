"""A subset of a video's frames as a video."""

from __future__ import annotations

import pytest

from backend.adapters.media.cache import file_hash
from backend.adapters.media.decode import FileVideo, open_video
from backend.application.worker.frame_subset import FrameSubset
from backend.domain.errors import PromptError
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, number_of, write_clip


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> FileVideo:
    path = write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", ClipSpec(frame_count=90))
    return open_video(path, file_hash(path))


def picked(video: FileVideo, *indices: int) -> FrameSubset:
    return FrameSubset(video, [FrameIndex(i) for i in indices])


@pytest.mark.parametrize("indices", [(10, 11, 12, 13), (3, 9, 12, 30), (0, 40, 89)])
def test_frames_both_ways_and_by_index(video: FileVideo, indices: tuple[int, ...]) -> None:
    found = picked(video, *indices)
    whole = FrameRange(FrameIndex(0), FrameIndex(len(indices)))
    forward = [(int(i), number_of(frame)) for i, frame in found.frames(whole)]
    assert forward == list(enumerate(indices))
    assert [(int(i), number_of(f)) for i, f in found.frames(whole, backward=True)] == forward[::-1]
    part = FrameRange(FrameIndex(1), FrameIndex(3))
    assert [(int(i), number_of(f)) for i, f in found.frames(part)] == forward[1:3]
    assert number_of(found.frame(FrameIndex(2))) == indices[2]


def test_a_subset_has_its_own_content_hash(video: FileVideo) -> None:
    found = picked(video, 30, 60)
    assert found.info.frame_count == 2
    assert list(found.timestamps_s) == [0.0, pytest.approx(1.0)]
    assert len({found.info.content_hash, video.info.content_hash, picked(video, 30, 61).info.content_hash}) == 3


def test_frames_outside_the_video_are_refused(video: FileVideo) -> None:
    with pytest.raises(PromptError, match=r"frame 90 is not in the video"):
        picked(video, 3, 90)
    with pytest.raises(PromptError, match=r"frame 2 is not in the video: it has 2 frames"):
        picked(video, 3, 4).frame(FrameIndex(2))
