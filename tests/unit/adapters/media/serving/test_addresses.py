"""Signed addresses: their target, signature and expiry."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from backend.adapters.media.serving.addresses import NEVER, Grant, Signer, open_signer, page_leaf
from backend.domain.errors import NotAllowed

MEDIUM = "ab" * 16
SIGNER = Signer(b"key")


def test_an_address_reads_back() -> None:
    assert SIGNER.read(SIGNER.path(MEDIUM, page_leaf(12), until_s=NEVER), 1e9) == Grant(MEDIUM, "000012.jpg")
    assert Grant(MEDIUM, "000012.jpg").page == 12
    assert Grant(MEDIUM, "video.mp4").page is None


@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/x",
        f"/media/{MEDIUM}/0-{'0' * 32}/000001.jpg",
        f"/media/{'cd' * 16}" + SIGNER.path(MEDIUM, "1.jpg", until_s=NEVER).removeprefix(f"/media/{MEDIUM}"),
        SIGNER.path(MEDIUM, "1.jpg", until_s=NEVER).replace("/0-", "/ffffffff-"),
        SIGNER.path(MEDIUM, "a/1.jpg", until_s=NEVER),
        "/media/ü/ß-ü/1.jpg",
    ],
)
def test_an_unsigned_address_is_refused(path: str) -> None:
    with pytest.raises(NotAllowed, match="Masklet"):
        SIGNER.read(path, 0.0)


def test_an_address_expires() -> None:
    path = SIGNER.path(MEDIUM, "1.jpg", until_s=1000)
    assert SIGNER.read(path, 1000.0).media_id == MEDIUM
    with pytest.raises(NotAllowed, match="expired"):
        SIGNER.read(path, 1001.0)


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = open_signer(tmp_path / "media.key")
    assert open_signer(tmp_path / "media.key") == first
    assert stat.S_IMODE((tmp_path / "media.key").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["media.key"]
    assert first.key.hex() not in repr(first)
