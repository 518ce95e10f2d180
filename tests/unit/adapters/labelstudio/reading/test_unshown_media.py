"""Files that Label Studio's page leaves blank are named, with the command that imports them."""

from __future__ import annotations

import pytest

from backend.adapters.labelstudio.reading.unshown_media import unshown
from backend.domain.tasks import MediaRef


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("/data/upload/3/0123abcd-scan.tif", "masklet import scan.tif --project 7"),
        ("/data/upload/3/0123abcd-two%20words.TIFF?x=1", "masklet import 'two words.TIFF' --project 7"),
        ("/data/local-files/?d=in/scan.tif", "masklet import scan.tif --project 7"),
        ("https://host/deadbeef-scan.tif?sig=x", "masklet import deadbeef-scan.tif --project 7"),
        ("s3://bucket/scan.tif", "masklet import scan.tif --project 7"),
    ],
)
def test_a_tiff_is_named_with_its_command(address: str, command: str) -> None:
    found = unshown(MediaRef((address,), is_pages=True), 7)
    assert found is not None
    assert found.remedy == command
    assert "is a TIFF, which browsers do not show: Label Studio's page is blank" in found.sentence


def test_of_several_pages_the_first_such_is_named() -> None:
    found = unshown(MediaRef(("/a.png", "/b.tif", "/c.tif"), is_pages=True), 7)
    assert str(found).startswith("page 2, b.tif, is a TIFF")
    assert unshown(MediaRef(("/a.png", "/tif", "/b.tif.png"), is_pages=True), 7) is None
