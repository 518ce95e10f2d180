"""Each way out that an error about a media file names is gone, and then the file is read."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import cv2
import pytest
from typer.testing import CliRunner

from backend.adapters.media.decode import open_video
from backend.adapters.media.probe import REMEDY
from backend.adapters.media.source_media import open_local_video
from backend.domain.errors import MediaError
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from backend.interfaces.cli import app
from tests.fakes.clips import ClipSpec, number_of, numbered_frame, write_clip

HASH = ContentHash("ab" * 32)


def read(path: Path, *, for_page: bool = False) -> list[int]:
    with open_video(path, HASH, for_page=for_page) as video:
        whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
        return [number_of(frame) for _, frame in video.frames(whole)]


def without_container(root: Path) -> list[int]:
    return read(write_clip(root / "IN", ClipSpec(frame_count=6), container="h264"))


def uploaded(root: Path) -> list[int]:
    return read(
        write_clip(root / "IN", ClipSpec(frame_count=6, codec="mjpeg", pixels="yuvj420p"), container="avi"),
        for_page=True,
    )


def of_two_recordings(root: Path) -> list[int]:
    """Two files of a camera, one behind the other: the second begins with the same times."""
    parts = [write_clip(root / f"{number}.ts", ClipSpec(frame_count=3, codec="mpeg2video")) for number in range(2)]
    (root / "IN").write_bytes(b"".join(part.read_bytes() for part in parts))
    return read(root / "IN")


def of_two_sizes(root: Path) -> list[int]:
    small = write_clip(root / "0.ts", ClipSpec(frame_count=3, b_frames=0))
    large = write_clip(root / "1.ts", ClipSpec(frame_count=3, b_frames=0, times=range(3, 6), width=128, height=96))
    (root / "IN").write_bytes(small.read_bytes() + large.read_bytes())
    return read(root / "IN")


def not_found_by_seeking(root: Path) -> list[int]:
    clip = write_clip(root / "IN", ClipSpec(frame_count=6), container="mp4")
    with patch("backend.adapters.media.cursor.decoded_frames", return_value=iter(())):
        return read(clip)


@pytest.mark.parametrize(
    ("provoke", "numbers"),
    [
        (without_container, range(6)),
        (uploaded, range(6)),
        (of_two_recordings, (0, 1, 2, 0, 1, 2)),
        (of_two_sizes, (0, 1, 2, 0, 1, 2)),
        (not_found_by_seeking, range(6)),
    ],
)
def test_the_command_that_an_error_names_makes_a_copy_that_is_read(
    tmp_path: Path,
    provoke: Callable[[Path], list[int]],
    numbers: range | tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(MediaError) as refused:
        provoke(tmp_path)
    assert str(refused.value).endswith(REMEDY)
    _, _, command = str(refused.value).partition(": masklet ")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code == 0
    assert f"{len(numbers)} frames in OUT.mp4; their times in OUT.frames.json." in done.output
    assert read(tmp_path / "OUT.mp4", for_page=True) == list(numbers)
    assert CliRunner().invoke(app, shlex.split(command)).exit_code != 0  # what is there is not overwritten


def test_a_folder_with_videos_and_pictures_is_refused_and_one_of_pictures_is_read(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.avi", ClipSpec(codec="mjpeg", pixels="yuvj420p", frame_count=3))
    cv2.imwrite(str(tmp_path / "1.png"), numbered_frame(1))
    with pytest.raises(
        MediaError, match=r"holds a\.avi; name one video, or a folder that holds pictures and no videos"
    ):
        open_local_video(tmp_path)
    with open_local_video(tmp_path / "a.avi") as video:
        assert video.info.frame_count == 3
    (tmp_path / "pictures").mkdir()
    (tmp_path / "1.png").rename(tmp_path / "pictures" / "1.png")
    with open_local_video(tmp_path / "pictures") as video:
        assert number_of(video.frame(FrameIndex(0))) == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="holds neither a video nor pictures"):
        open_local_video(tmp_path / "empty")
