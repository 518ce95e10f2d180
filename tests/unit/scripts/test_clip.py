"""A user's clip for the demo: its pages, addresses and refusals."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from scripts.demonstration import clip as clips
from scripts.demonstration.clip import Click, ClipFailed, prepare_user_clip
from scripts.demonstration.write_video import write_video


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames of 32 x 16, each of one grey."""
    frames = np.stack([np.full((16, 32, 3), 20 * index, np.uint8) for index in range(10)])
    return write_video(frames, tmp_path / "My clip.MP4")


def test_pages_of_a_users_clip(video: Path, tmp_path: Path) -> None:
    clip = prepare_user_clip(tmp_path / "files", video)
    assert (clip.name, clip.pages, clip.stride, clip.width, clip.height) == ("My clip.MP4", 10, 1, 32, 16)
    assert clip.clicks == (Click("Object 1", 0, 50.0, 50.0),)
    assert clip.truth is None
    assert clip.video.read_bytes() == video.read_bytes()


def test_addresses_are_under_the_root_of_local_files(video: Path, tmp_path: Path) -> None:
    clip = prepare_user_clip(tmp_path, video)
    data = clip.addresses()
    base = f"/data/local-files/?d=clips/{clip.folder.name}"
    assert data["video"] == f"{base}/video.mp4"
    assert data["image"] == f"{base}/pages/000000.jpg"
    frames = data["frames"]
    assert isinstance(frames, list)
    assert frames[-1] == f"{base}/pages/000009.jpg"
    assert all((tmp_path / address.partition("?d=")[2]).is_file() for address in frames)


def test_a_long_clip_is_thinned_out(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MOST_PAGES", 4)
    clip = prepare_user_clip(tmp_path, video)
    assert (clip.pages, clip.stride) == (4, 3)
    pages = [cv2.imread(str(clip.folder / "pages" / f"{i:06d}.jpg")) for i in range(4)]
    assert [np.mean(page) for page in pages if page is not None] == pytest.approx([0, 60, 120, 180], abs=3)


def test_an_interrupted_clip_is_made_again(video: Path, tmp_path: Path) -> None:
    first = prepare_user_clip(tmp_path, video)
    page = first.folder / "pages" / "000000.jpg"
    page.with_name("000001.jpg").unlink()
    prepare_user_clip(tmp_path, video)
    assert not page.with_name("000001.jpg").exists()
    (first.folder / "clip.json").unlink()
    assert prepare_user_clip(tmp_path, video).pages == 10
    assert page.with_name("000001.jpg").exists()


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), (b"<html>not found</html>", "cannot be decoded as a video")]
)
def test_a_file_without_video_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "page.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClipFailed, match=rf"page\.mp4.* {message}"):
        prepare_user_clip(tmp_path / "files", path)
