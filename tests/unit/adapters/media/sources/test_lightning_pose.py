"""Zips of frames: the layout is strict, and a zip is untrusted."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.sources import lightning_pose
from backend.adapters.media.sources.frames_zip import frames_with_context, write_frames_zip
from backend.adapters.media.sources.lightning_pose import LIST, image_name, unpack_frames
from backend.domain.errors import MaskletError


def png(value: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), value % 256, np.uint8)).save(file, "PNG")
    return file.getvalue()


def make_zip(path: Path, numbers: list[int], listed: list[int], extra: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in numbers:
            archive.writestr(image_name(number), png(number))
        archive.writestr(LIST, "".join(f"{image_name(n)}\n" for n in listed))
        for name, body in (extra or {}).items():
            archive.writestr(name, body)
    return path


def near(*numbers: int) -> list[int]:
    return sorted({n + d for n in numbers for d in range(-2, 3)})


def test_the_example_of_the_layout(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "subject023_session0.zip", near(143, 1156, 34567), [143, 1156, 34567])
    found = unpack_frames(path, tmp_path / "out")
    assert found.numbers == (143, 1156, 34567)
    assert found.names == ("img00000143.png", "img00001156.png", "img00034567.png")
    assert found.context
    assert len(list(found.folder.iterdir())) == 15
    assert (found.folder / "img00000145.png").read_bytes() == png(145)


def test_without_context_and_at_the_ends_of_the_video(tmp_path: Path) -> None:
    assert not unpack_frames(make_zip(tmp_path / "a.zip", [4, 9], [4, 9]), tmp_path / "out").context
    ends = make_zip(tmp_path / "b.zip", [0, 1, 2, 6, 7, 8, 9], [0, 8])
    assert unpack_frames(ends, tmp_path / "out").numbers == (0, 8)


def test_a_zip_is_unpacked_once(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", [4], [4])
    first = unpack_frames(path, tmp_path / "out").folder
    (first / "img00000004.png").write_bytes(b"mark")
    assert (unpack_frames(path, tmp_path / "out").folder / "img00000004.png").read_bytes() == b"mark"


@pytest.mark.parametrize(
    ("numbers", "listed", "extra", "sentence"),
    [
        ([143], [143, 150], {}, "line 2: img00000150.png is not in the zip"),
        ([143], [143, 143], {}, "line 2: img00000143.png is listed twice"),
        ([143], [], {}, "lists no frames"),
        ([142, 143], [143], {}, "img00000141.png is missing, a context frame of img00000143.png"),
        ([143, 500], [143], {}, "img00000500.png is neither listed"),
        ([143], [143], {"img143.png": b"x"}, "is neither selected_frames.csv nor an image named like"),
        ([143], [143], {"a/img00000144.png": b"x"}, "lies in a folder"),
        ([143], [143], {"../img00000144.png": b"x"}, "is a path outside the zip's folder"),
        ([143], [143], {"/etc/img00000144.png": b"x"}, "is a path outside the zip's folder"),
        ([143], [143], {"..\\img00000144.png": b"x"}, "is a path outside the zip's folder"),
        ([], [144], {"img00000144.png": b"GIF89a"}, "img00000144.png is not a PNG image"),
    ],
)
def test_faults_are_named_and_nothing_is_written(
    tmp_path: Path, numbers: list[int], listed: list[int], extra: dict[str, bytes], sentence: str
) -> None:
    path = make_zip(tmp_path / "a.zip", numbers, listed, extra)
    with pytest.raises(MaskletError, match=sentence) as caught:
        unpack_frames(path, tmp_path / "out")
    assert "a.zip" in str(caught.value)
    assert list(tmp_path.glob("out/*")) == []
    assert list(tmp_path.rglob("img*")) == []


def test_a_list_that_is_missing_or_names_no_images(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(image_name(1), png())
    with pytest.raises(MaskletError, match=f"a.zip has no {LIST}"):
        unpack_frames(tmp_path / "a.zip", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(LIST, "frame143\n")
    with pytest.raises(MaskletError, match="line 1: 'frame143' is not a name like img00000143.png"):
        unpack_frames(tmp_path / "b.zip", tmp_path / "out")


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo(image_name(1))
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr(LIST, image_name(1))
    with pytest.raises(MaskletError, match="is a link"):
        unpack_frames(tmp_path / "a.zip", tmp_path / "out")


def test_a_zip_bomb_is_refused_before_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(image_name(1), lightning_pose.PNG + bytes(4 * 2**20))
        archive.writestr(LIST, image_name(1))
    with pytest.raises(MaskletError, match="expands from"):
        unpack_frames(tmp_path / "a.zip", tmp_path / "out")
    monkeypatch.setattr(lightning_pose, "MOST_FILES", 1)
    with pytest.raises(MaskletError, match="holds 2 files; at most 1"):
        unpack_frames(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(MaskletError, match="a.zip cannot be read as a zip"):
        unpack_frames(tmp_path / "a.zip", tmp_path / "out")


def test_a_full_disk_leaves_nothing(tmp_path: Path, full_disk: Callable[[], None]) -> None:
    path = make_zip(tmp_path / "a.zip", near(5, 50), [5, 50])
    full_disk()
    with pytest.raises(
        MaskletError, match=r"a.zip cannot be unpacked into .*: No space left on device; free some space"
    ):
        unpack_frames(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_written_zip_is_read_back(tmp_path: Path) -> None:
    numbers = frames_with_context([0, 9], 10)
    assert numbers == (0, 1, 2, 7, 8, 9)
    write_frames_zip(tmp_path / "a.zip", [0, 9], ((n, png(n)) for n in numbers))
    found = unpack_frames(tmp_path / "a.zip", tmp_path / "out")
    assert (found.numbers, found.context) == ((0, 9), True)


def test_a_zip_that_cannot_be_finished_leaves_no_file(tmp_path: Path) -> None:
    def images() -> object:
        yield 1, png(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(MaskletError, match="cannot be written: No space left on device"):
        write_frames_zip(tmp_path / "a.zip", [1], images())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
