"""A damaged block header in Matroska costs frames their pictures, and no frame its number."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from backend.adapters.media.decode import open_video
from backend.adapters.media.reencode import reencode
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, number_of, write_clip

HASH = ContentHash("ab" * 32)
COUNT = 240
BROKEN = 63
NEXT_CLUSTER = 90
"""FFmpeg begins one every three seconds here."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "a.mkv", ClipSpec(frame_count=COUNT, b_frames=0, group=10))


def damage(path: Path, number: int, offset: int, value: int) -> Path:
    """Changes a byte in the header of a frame's block. offset: from the block's track number."""
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    place = places[number]
    assert place is not None
    content[place + offset] = value
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("offset", "value", "lost"),
    [
        (-2, 0x00, NEXT_CLUSTER - BROKEN),  # no identifier of an element
        (-2, 0xFF, 1),
        (-1, 0xFF, NEXT_CLUSTER - BROKEN),  # longer than its cluster
        (0, 0x82, NEXT_CLUSTER - BROKEN),  # a track that does not exist
        (3, 0x06, NEXT_CLUSTER - BROKEN),  # several frames in one block
    ],
)
def test_numbers_do_not_shift(clip: Path, tmp_path: Path, offset: int, value: int, lost: int) -> None:
    damage(clip, BROKEN, offset, value)
    held = range(BROKEN, BROKEN + lost)
    with open_video(clip, HASH) as video:
        assert video.info.frame_count == COUNT
        assert not video.info.variable_rate
        whole = FrameRange(FrameIndex(0), FrameIndex(COUNT))
        seen = [number_of(frame) for _, frame in video.frames(whole)]
        assert [seen[index] for index in held] == [BROKEN - 1] * lost
        assert seen[:BROKEN] == list(range(BROKEN))
        assert seen[NEXT_CLUSTER:] == list(range(NEXT_CLUSTER, COUNT))
        assert [index for index in range(COUNT) if video.is_undecodable(index)] == list(held)
    copy = reencode(clip, tmp_path / "out")
    assert (copy.frame_count, copy.undecodable) == (COUNT, tuple(held))


def test_damage_in_the_last_cluster_ends_the_file_early(tmp_path: Path) -> None:
    clip = damage(write_clip(tmp_path / "a.mkv", ClipSpec(frame_count=30, b_frames=0, group=10)), 13, 0, 0x82)
    with open_video(clip, HASH) as video:
        assert (video.info.frame_count, video.info.truncated) == (13, True)


def test_a_variable_rate_is_no_damage(tmp_path: Path) -> None:
    times = [*range(20), *range(60, 80), *range(200, 220)]
    clip = write_clip(tmp_path / "a.mkv", ClipSpec(frame_count=60, times=times))
    with open_video(clip, HASH) as video:
        assert (video.info.frame_count, video.info.variable_rate, video.info.truncated) == (60, True, False)
