"""File names made of the names of videos."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.application.exports.naming import clip_name, name_of_address, planned, safe_name
from backend.application.ports.datasets import DatasetEntry


def folders(*names: str) -> list[str]:
    return [video.folder for video in planned([DatasetEntry(f"key {n}", name) for n, name in enumerate(names)])]


def test_a_plain_name_stays_as_it_is() -> None:
    assert folders("cam-1_take.2") == ["cam-1_take.2"]


def test_other_names_keep_their_readable_part() -> None:
    assert [
        re.sub("[0-9a-f]{8}$", "#", name) for name in folders("my clip", "кошка", "../../etc/passwd", "", "..")
    ] == [
        "my_clip-#",
        "video-#",
        "etc_passwd-#",
        "video-#",
        "video-#",
    ]


def test_reserved_names_are_not_used() -> None:
    assert [re.sub("[0-9a-f]{8}$", "#", name) for name in folders("manifest", "NUL.mp4", "Images", "manifesto")] == [
        "manifest-#",
        "NUL.mp4-#",
        "Images-#",
        "manifesto",
    ]


def test_names_that_differ_invisibly_stay_apart() -> None:
    long = "x" * 200
    names = folders("a b", "a_b", "a/b", long + "1", long + "2")
    assert len(set(names)) == 5
    assert max(map(len, names)) <= 69


def test_equal_names_get_a_hash_of_their_keys() -> None:
    entries = [DatasetEntry("b/2", "clip"), DatasetEntry("a/1", "Clip"), DatasetEntry("c", "other")]
    there = {video.entry.key: video.folder for video in planned(entries)}
    back = {video.entry.key: video.folder for video in planned(entries[::-1])}
    assert there == back
    assert there["c"] == "other"
    assert there["b/2"].lower() != there["a/1"].lower()
    assert there["b/2"].startswith("clip-")


@given(st.text(max_size=300))
def test_every_name_is_a_plain_file_name(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,68}", safe_name(name))
    assert safe_name(name) not in (".", "..")


def test_a_segment_keeps_the_name_of_its_clip() -> None:
    assert [clip_name(name) for name in ("clip.mp4", "a/b.c.mov", "clip.mp4 [02/14]", "b [1/2]", " x ")] == [
        "clip",
        "b.c",
        "clip_02-of-14",
        "b_1-of-2",
        "x",
    ]


FILE_URI = urlsafe_b64encode(b"s3://films/dir/clip 7.mp4").decode()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://films/dir/clip 7.mp4", "clip 7"),
        ("azure-blob://films/50%25 a?b #2.mp4", "50%25 a?b #2"),
        (f"/tasks/7/resolve/?fileuri={FILE_URI}", "clip 7"),
        (f"http://studio/ls/projects/7/resolve/?fileuri={FILE_URI}", "clip 7"),
        ("/tasks/7/resolve/?fileuri=%FF", ""),
        ("https://h/a%20b.mp4?sig=1", "a b"),
        ("/data/local-files/?d=videos/c.d.mp4", "c.d"),
        ("no address", ""),
    ],
)
def test_the_name_in_an_address_is_the_files(address: str, name: str) -> None:
    assert name_of_address(address) == name
