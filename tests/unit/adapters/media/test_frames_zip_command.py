"""Chosen frames of a video, written as a zip and read back."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.frames_zip_command import write_frames
from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.application.imports.model import Source
from backend.domain.errors import NotAllowed
from backend.domain.selection import Portion, parse_selection
from backend.domain.video import FrameIndex
from tests.fakes.clips import ClipSpec, number_of, numbered_frame, write_clip


def write(video: Path, out: Path, words: str, *, context: bool = True) -> tuple[int, ...]:
    selection = parse_selection(words)
    return write_frames(video, out, selection=selection, portion=Portion(), context=context)


def test_frames_keep_their_numbers_through_export_and_import(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "clip.mp4", ClipSpec(frame_count=40))
    assert write(video, tmp_path / "clip.zip", "every:15") == (0, 15, 30)
    library = DiskLibrary(tmp_path / "imported", ImportRecords(tmp_path / "r.sqlite"), IndexCache(tmp_path / "indices"))
    medium = library.add(Source("clip.zip", tmp_path / "clip.zip"))
    assert (medium.frame_count, medium.numbers) == (3, (0, 15, 30))
    with library.open(medium) as frames:
        assert [number_of(frames.frame(FrameIndex(n))) for n in range(3)] == [0, 15, 30]
    with Image.open(medium.path / "img00000017.png") as near:
        assert number_of(np.asarray(near, np.uint8)) == 17
    with pytest.raises(NotAllowed, match="exists already"):
        write(video, tmp_path / "clip.zip", "all")


def test_diverse_frames_differ_and_are_the_same_every_time(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "clip.mp4", ClipSpec(frame_count=40))
    first = write(video, tmp_path / "a.zip", "diverse:5", context=False)
    assert len(first) == 5
    assert write(video, tmp_path / "b.zip", "diverse:5", context=False) == first


def test_the_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(numbered_frame(number)) for number in range(4)]
    pages[0].save(tmp_path / "clip.tif", save_all=True, append_images=pages[1:])
    assert write(tmp_path / "clip.tif", tmp_path / "clip.zip", "range:2-3", context=False) == (2, 3)
    with zipfile.ZipFile(tmp_path / "clip.zip") as made, made.open("img00000003.png") as picture:
        assert number_of(np.asarray(Image.open(picture), np.uint8)) == 3
