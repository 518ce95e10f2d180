"""What an import does with videos that browsers do not play, and with folders of pictures."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.probe import not_played_in
from backend.adapters.media.reencode import reencode_to
from backend.adapters.media.source_media import open_local_video
from backend.application.imports.model import Reencode, Source, SourceMedia, SourceMediaKind
from backend.domain.errors import MediaError
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, number_of, numbered_frame, write_clip

MJPEG = ClipSpec(codec="mjpeg", pixels="yuvj420p", frame_count=5)


def library_in(root: Path, reencode: Reencode = Reencode.AUTO, *, as_video: bool = False) -> DiskLibrary:
    records = ImportRecords(root / "r.sqlite", root / "indices")
    return DiskLibrary(root / "out", records, IndexCache(root / "indices"), reencode=reencode, as_video=as_video)


def numbers_of(library: DiskLibrary, medium: SourceMedia) -> list[int]:
    with library.open(medium) as video:
        whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
        return [number_of(frame) for _, frame in video.frames(whole)]


def write_pictures(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), numbered_frame(number))
    return folder


def test_what_browsers_do_not_play_is_reencoded_and_said(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", MJPEG)
    library = library_in(tmp_path)
    medium = library.add(Source("a.avi", clip))
    assert medium.note == "re-encoded: browsers do not play AVI with mjpeg"
    assert (medium.name, medium.path.suffix, medium.frame_count) == ("a.avi", ".mp4", 5)
    assert not_played_in(medium.path) == ""
    assert numbers_of(library, medium) == [0, 1, 2, 3, 4]
    frame_map = json.loads(medium.path.with_suffix(".frames.json").read_text())
    assert frame_map["times_s"] == pytest.approx([number / 30 for number in range(5)], abs=1e-3)
    assert library.add(Source("a.avi", clip)) == medium


def test_what_browsers_play_is_used_in_place(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=5))
    medium = library_in(tmp_path).add(Source("a.mp4", clip))
    assert (medium.path, medium.note) == (clip, "")
    copy = library_in(tmp_path, Reencode.ALWAYS).add(Source("a.mp4", clip))
    assert (copy.path.parent, copy.note) == (tmp_path / "out", "re-encoded")


def test_never_refuses_and_the_remedy_works(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", MJPEG)
    with pytest.raises(MediaError) as refused:
        library_in(tmp_path, Reencode.NEVER).add(Source("a.avi", clip))
    reason = "a.avi is AVI with mjpeg, which browsers do not play; leave out --reencode never"
    assert str(refused.value) == reason
    assert library_in(tmp_path).add(Source("a.avi", clip)).frame_count == 5
    with pytest.raises(MediaError, match="leave out --reencode never"):
        library_in(tmp_path, Reencode.NEVER).add(Source("a.avi", clip))


def test_a_folder_of_pictures_is_a_video_in_natural_order(tmp_path: Path) -> None:
    names = ["frame1.png", "frame2.png", "frame10.png"]
    folder = write_pictures(tmp_path / "in", *names)
    (folder / "._frame3.png").write_bytes(b"a file of a Mac")
    (folder / "notes.txt").write_text("x")
    library = library_in(tmp_path)
    medium = library.add(Source("in", folder))
    assert (medium.kind, medium.names) == (SourceMediaKind.IMAGES, tuple(names))
    assert medium.note == "3 pictures, in the order of their names, are the frames of one video"
    assert numbers_of(library, medium) == [0, 1, 2]


def test_where_tasks_show_videos_the_pictures_become_one(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", *(f"{number}.jpg" for number in range(12)))
    library = library_in(tmp_path, as_video=True)
    medium = library.add(Source("in", folder))
    assert (medium.kind, medium.path.suffix, medium.frame_rate) == (SourceMediaKind.VIDEO, ".mp4", Fraction(25))
    assert medium.note == "12 pictures, in the order of their names, are the frames of one video, 25 a second"
    assert not_played_in(medium.path) == ""
    assert numbers_of(library, medium) == list(range(12))
    assert library.add(Source("in", folder)) == medium
    pages = library_in(tmp_path).add(Source("in", folder))
    assert (pages.kind, pages.path) == (SourceMediaKind.IMAGES, folder)


def write_tiff(path: Path, count: int = 3, *, bits: int = 8) -> Path:
    """Numbered pages; of more than 8 bits they are greys that fill these."""
    pages = [Image.fromarray(numbered_frame(number)) for number in range(count)]
    if bits > 8:
        pages = [Image.fromarray(np.asarray(page.convert("L"), np.uint16) << (bits - 8)) for page in pages]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_tiff_that_is_named_itself_is_a_video_of_its_pages(tmp_path: Path, bits: int) -> None:
    clip = write_tiff(tmp_path / "clip.tif", bits=bits)
    library = library_in(tmp_path)
    medium = library.add(Source("clip.tif", clip))
    assert (medium.kind, medium.path, medium.frame_count) == (SourceMediaKind.IMAGES, clip, 3)
    assert medium.names == ("clip.tif#0", "clip.tif#1", "clip.tif#2")
    assert medium.note == "3 pages of clip.tif are the frames of one video"
    assert numbers_of(library, medium) == [0, 1, 2]
    (tmp_path / "other.tif").write_bytes(clip.read_bytes())
    assert library.add(Source("clip.tif", clip)) == medium, "a file beside it changes nothing"
    assert numbers_of(library, medium) == [0, 1, 2]
    with open_local_video(clip) as video:
        assert [number_of(video.frame(FrameIndex(n))) for n in range(3)] == [0, 1, 2]
    write_tiff(clip, 2)
    with pytest.raises(MediaError, match="was changed after it was imported"):
        library.open(medium)


def test_a_tiff_becomes_a_video_where_tasks_show_videos(tmp_path: Path) -> None:
    clip = write_tiff(tmp_path / "clip.tif")
    medium = library_in(tmp_path, as_video=True).add(Source("clip.tif", clip))
    assert (medium.kind, medium.path.suffix) == (SourceMediaKind.VIDEO, ".mp4")
    assert numbers_of(library_in(tmp_path), medium) == [0, 1, 2]
    copy = reencode_to(clip, tmp_path / "copy.mp4")
    assert copy.frame_count == 3


def test_a_damaged_tiff_is_named(tmp_path: Path) -> None:
    clip = write_tiff(tmp_path / "clip.tif")
    clip.write_bytes(clip.read_bytes()[:200])
    with pytest.raises(MediaError, match=r"clip.tif"):
        library_in(tmp_path).add(Source("clip.tif", clip))
