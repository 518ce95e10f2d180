"""The placement of media: addresses, copies, buckets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from backend.adapters.media.serving.addresses import Signer
from backend.adapters.media.serving.placement import (
    BackendPlacement,
    BucketPlacement,
    LocalPlacement,
    open_bucket,
    parse_bucket,
)
from backend.application.imports.model import ImportMode, SourceMedia, SourceMediaKind, TaskDraft
from backend.domain.errors import InvalidInput, MediaError
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash, FrameIndex

ID = "ab" * 16


def draft(path: Path, *frames: int) -> TaskDraft:
    medium = SourceMedia(
        ContentHash("ab" * 32), SourceMediaKind.VIDEO, path, "clip", FrameSize(6, 4), 9, Fraction(25), ""
    )
    return TaskDraft("k-00000", "clip", medium, tuple(FrameIndex(f) for f in frames))


def pages(medium: SourceMedia, frames: tuple[int, ...]) -> Iterator[tuple[int, bytes]]:
    return ((frame, b"page %d" % frame) for frame in frames)


def test_masklets_own_addresses_are_signed() -> None:
    signer = Signer(b"key")
    placed = BackendPlacement("http://host:9090/", signer, 5)
    first, second = placed.addresses(draft(Path("a.mp4"), 0, 7), ImportMode.PAGES)
    assert first == "http://host:9090" + signer.path(ID, "000000.jpg", until_s=5)
    assert second.endswith("/000007.jpg")
    assert placed.addresses(draft(Path("A.MOV"), 0), ImportMode.VIDEO)[0].endswith("/video.mov")


def test_only_the_shown_pages_are_written_and_only_once(tmp_path: Path) -> None:
    asked: list[tuple[int, ...]] = []

    def noted(medium: SourceMedia, frames: tuple[int, ...]) -> Iterator[tuple[int, bytes]]:
        asked.append(frames)
        return pages(medium, frames)

    placed = LocalPlacement(tmp_path, noted)
    addresses = placed.addresses(draft(Path("a.mp4"), 2, 5), ImportMode.PAGES)
    placed.addresses(draft(Path("a.mp4"), 5, 6), ImportMode.PAGES)
    assert addresses == [f"/data/local-files/?d=masklet/{ID}/00000{n}.jpg" for n in (2, 5)]
    assert asked == [(2, 5), (6,)]
    assert {p.name: p.read_bytes() for p in (tmp_path / "masklet" / ID).iterdir()} == {
        f"00000{n}.jpg": b"page %d" % n for n in (2, 5, 6)
    }


def test_a_local_video_is_copied_whole(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video")
    (address,) = LocalPlacement(tmp_path / "root", pages).addresses(draft(tmp_path / "a.mp4", 0), ImportMode.VIDEO)
    assert address == f"/data/local-files/?d=masklet/{ID}/video.mp4"
    assert (tmp_path / "root/masklet" / ID / "video.mp4").read_bytes() == b"video"


def test_a_full_disk_leaves_no_half_page(tmp_path: Path, full_disk: Callable[[], None]) -> None:
    full_disk()
    with pytest.raises(MediaError, match=r"clip cannot be copied to .*: No space left on device; free some space"):
        LocalPlacement(tmp_path, pages).addresses(draft(Path("a.mp4"), 0, 1), ImportMode.PAGES)
    assert [p.name for p in tmp_path.rglob("*.part")] == []


class FakeBucket:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def has(self, key: str) -> bool:
        return key in self.files

    def put(self, key: str, body: bytes, content_type: str) -> None:
        assert content_type == "image/jpeg"
        self.files[key] = body

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        self.files[key] = path.read_bytes()


def test_only_missing_pages_are_put_into_the_bucket() -> None:
    bucket = FakeBucket()
    bucket.files[f"some/where/{ID}/000001.jpg"] = b"there"
    placed = BucketPlacement("name", "some/where", bucket, pages)
    assert placed.addresses(draft(Path("a.mp4"), 1, 2), ImportMode.PAGES) == [
        f"s3://name/some/where/{ID}/00000{n}.jpg" for n in (1, 2)
    ]
    assert bucket.files == {
        f"some/where/{ID}/000001.jpg": b"there",
        f"some/where/{ID}/000002.jpg": b"page 2",
    }


def test_a_bucket_needs_boto3_and_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(InvalidInput, match="--pages s3 needs boto3"):
        open_bucket("name")
    assert parse_bucket("s3://name/a/b/") == ("name", "a/b")
    with pytest.raises(InvalidInput, match="--s3 must be an address"):
        parse_bucket("name/a")


def test_pictures_are_for_projects_with_pages() -> None:
    found = draft(Path("frames"), 0)
    images = replace(found, medium=replace(found.medium, kind=SourceMediaKind.IMAGES))
    placement = BackendPlacement("http://h", Signer(b"k"), 5)
    with pytest.raises(InvalidInput, match="import it into one for pages: masklet project create NAME --config frames"):
        placement.addresses(images, ImportMode.VIDEO)
    assert len(placement.addresses(images, ImportMode.PAGES)) == 1
