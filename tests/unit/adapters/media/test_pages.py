"""Pages as a video: order, orientation, size."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.index import IndexCache
from backend.adapters.media.pages import open_pages, stretched
from backend.adapters.media.source_media import open_source_media, read_image_source
from backend.domain.errors import MediaError, PromptError
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from tests.fakes.clips import corners_of, number_of, numbered_frame, with_damage

HASH = ContentHash("cd" * 32)


def write_page(path: Path, number: int, *, width: int = 64) -> Path:
    Image.fromarray(numbered_frame(number, width=width)).save(path)
    return path


def test_page_n_is_frame_n_minus_1(tmp_path: Path) -> None:
    paths = [write_page(tmp_path / f"{name}.png", n) for n, name in enumerate(["z", "a", "m"])]
    with open_pages(paths, HASH) as pages:
        assert pages.info.frame_count == 3
        assert pages.info.size == FrameSize(64, 48)
        assert [number_of(pages.frame(FrameIndex(i))) for i in (2, 0, 1)] == [2, 0, 1]
        frame_range = FrameRange(FrameIndex(0), FrameIndex(3))
        assert [(i, number_of(f)) for i, f in pages.frames(frame_range, backward=True)] == [(2, 2), (1, 1), (0, 0)]
        assert list(pages.timestamps_s) == [0.0, 1.0, 2.0]
        with pytest.raises(PromptError, match="frame 3 is not in the video"):
            pages.frame(FrameIndex(3))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".avif", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_chromium_does(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = numbered_frame(1)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(stored).save(path, exif=exif)
    if suffix != ".webp":  # whose orientation Chromium ignores
        mirrored = stored[:, ::-1] if orientation in (2, 4, 5, 7) else stored
        stored = np.rot90(mirrored, k={3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}.get(orientation, 0))
    with open_pages([path], HASH) as pages:
        frame = pages.frame(FrameIndex(0))
        assert pages.info.size == FrameSize(stored.shape[1], stored.shape[0])
        assert frame.shape == stored.shape
        assert corners_of(frame) == corners_of(stored)


def test_a_page_of_another_size_is_named(tmp_path: Path) -> None:
    paths = [write_page(tmp_path / "a.png", 0), write_page(tmp_path / "b.png", 1, width=128)]
    with pytest.raises(MediaError, match="page 2 is 128x48 pixels but page 1 is 64x48"):
        open_pages(paths, HASH)


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\x89PNG\r\n\x1a\n broken"])
def test_a_page_that_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    good = write_page(tmp_path / "a.png", 0)
    (tmp_path / "b.png").write_bytes(content)
    with pytest.raises(MediaError, match=r"^page 2 .* save it as JPEG or PNG$"):
        open_pages([good, tmp_path / "b.png"], HASH)


def test_a_truncated_page_is_named(tmp_path: Path) -> None:
    path = write_page(tmp_path / "a.png", 0)
    path.write_bytes(path.read_bytes()[:-60])
    with open_pages([path], HASH) as pages, pytest.raises(MediaError, match="page 1 does not decode"):
        pages.frame(FrameIndex(0))


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0x8000, np.uint16)).save(tmp_path / "a.png")
    with open_pages([tmp_path / "a.png"], HASH) as pages:
        assert pages.frame(FrameIndex(0))[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0, 255], [0, 255]),
        ([0, 4095], [0, 255]),
        ([0, 2048, 4095], [0, 128, 255]),
        ([0, 1023], [0, 255]),
        ([0, 16383], [0, 255]),
        ([0, 16384], [0, 64]),
        ([30000, 30500, 31000], [0, 127, 255]),
        ([900, 901], [0, 255]),
        ([40, 41], [40, 41]),
        ([-2.0, 0.0, 2.0], [0, 127, 255]),
        ([0.25, 0.75], [0, 255]),
        ([0.5, 0.5], [0, 0]),
        ([float("nan"), 0.0, 255.0], [0, 0, 255]),
    ],
)
def test_greys_are_stretched_by_the_bits_that_hold_them(values: list[float], shown: list[int]) -> None:
    assert stretched(np.array([values], np.float64)).tolist() == [shown]


def test_a_folder_is_in_natural_order_and_a_tiff_of_several_pages_is_several_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((4, 6), grey, np.uint8)) for grey in (20, 30, 40)]
    thumbnail = Image.fromarray(np.full((2, 3), 9, np.uint8))
    pages[0].save(tmp_path / "f10.tif", save_all=True, append_images=[*pages[1:], thumbnail])
    Image.fromarray(np.full((4, 6), 10, np.uint8)).save(tmp_path / "f2.png")
    Image.fromarray(np.full((4, 6), 50, np.uint8)).save(tmp_path / "f11.tif")
    medium = read_image_source(tmp_path, "stack")
    assert medium.names == ("f2.png", "f10.tif#0", "f10.tif#1", "f10.tif#2", "f11.tif")
    with open_source_media(medium, IndexCache(tmp_path / "indices")) as video:
        whole = FrameRange(FrameIndex(0), FrameIndex(5))
        assert [int(frame[0, 0, 0]) for _, frame in video.frames(whole)] == [10, 20, 30, 40, 50]
    assert medium.content_hash == read_image_source(tmp_path, "again").content_hash
    (tmp_path / "f11.tif").unlink()
    assert medium.content_hash != read_image_source(tmp_path, "fewer").content_hash


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_frames_of_an_animated_picture_are_pages(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.full((4, 6, 3), value, np.uint8)) for value in (10, 90, 200)]
    # An animated PNG may have another picture for programs that do not know animations, which browsers leave out.
    extra: dict[str, Any] = {".png": {"default_image": True}, ".webp": {"lossless": True}}.get(suffix, {})
    first, *others = [Image.new("RGB", (6, 4), "red"), *frames] if suffix == ".png" else frames
    first.save(tmp_path / f"moving{suffix}", save_all=True, append_images=others, duration=40, **extra)
    frames[0].save(tmp_path / f"still{suffix}")
    medium = read_image_source(tmp_path, "mixed")
    start = 1 if suffix == ".png" else 0
    assert medium.names == (*(f"moving{suffix}#{start + n}" for n in range(3)), f"still{suffix}")
    with open_source_media(medium, IndexCache(tmp_path / "indices")) as video:
        shown = [int(video.frame(FrameIndex(index))[0, 0, 0]) for index in range(4)]
    assert shown == [10, 90, 200, 10]


def test_of_an_animated_page_of_a_task_the_first_frame_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [Image.fromarray(np.full((4, 6), value, np.uint8)) for value in (10, 90)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.gif")
    with open_pages([tmp_path / "still.gif", tmp_path / "moving.gif"], HASH) as pages:
        assert int(pages.frame(FrameIndex(1))[0, 0, 0]) == 10
    assert caplog.messages == ["page 2 has several frames or pages; the first is read"]


def test_no_pages() -> None:
    with pytest.raises(MediaError, match="has no pages"):
        open_pages([], HASH)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "gif", "bmp", "tiff"])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_page_is_read_or_is_a_media_error(tmp_path: Path, kind: str) -> None:
    page = tmp_path / f"page.{kind}"
    Image.effect_noise((64, 48), 90).convert("RGB").save(page)
    content = page.read_bytes()
    for seed in range(40):
        page.write_bytes(with_damage(content, seed))
        with suppress(MediaError), open_pages([page], ContentHash("h")) as video:
            video.frame(FrameIndex(0))
