"""Training pictures: the fetch reports what is missing, the filters keep cut-outs, the index has two parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.training.pictures import cutouts
from scripts.training.pictures.fetch import fetch_packages, picture_paths
from scripts.training.pictures.index import INDEX, build_index
from scripts.training.pictures.library import MissingPictures, Part, PictureLibrary, part_of
from scripts.training.pictures.packages import PACKAGES, Kind, Package, Registry
from scripts.training.pictures.segments import segments_of
from tests.unit.training.pictures_on_disk import CUTOUTS, PHOTOGRAPHS, disc, fetched_packages, noise, put, small_index


def test_every_package_has_a_licence() -> None:
    assert all(package.licence for package in PACKAGES)
    assert len({package.folder_name for package in PACKAGES}) == len(PACKAGES)


def test_a_missing_package_is_named_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = fetch_packages((CUTOUTS, Package("@some/emoji", Registry.NPM, Kind.RENDERED_CUTOUT, "MIT")), tmp_path)
    assert missing == [
        "cut-outs is left out: the command apt-get is not there",
        "@some/emoji is left out: the command npm is not there",
    ]
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_a_fetched_package_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    fetched_packages(tmp_path)
    assert fetch_packages((CUTOUTS, PHOTOGRAPHS), tmp_path) == []


def test_the_paths_of_a_package_without_the_skipped(tmp_path: Path) -> None:
    fetched_packages(tmp_path)
    assert len(picture_paths(CUTOUTS, tmp_path)) == 6
    assert picture_paths(Package("absent", Registry.APT, Kind.SURFACE, "MIT"), tmp_path) == []


def test_a_cut_out_is_cropped_to_its_object(tmp_path: Path) -> None:
    put(tmp_path / "disc.png", np.pad(disc(1), ((30, 10), (50, 0), (0, 0))))
    found = cutouts.cutout_of(tmp_path / "disc.png", Kind.RENDERED_CUTOUT)
    assert found is not None
    assert found[0].shape == (113, 113, 4)
    assert found[1] is Kind.RENDERED_CUTOUT


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("opaque.png", noise(1, 80, 80)),
        ("empty.png", np.zeros((80, 80, 4), np.uint8)),
        ("small.png", disc(1, side=40)),
        ("1f44b-1f3fd.png", disc(1)),
    ],
)
def test_what_is_no_cut_out(tmp_path: Path, name: str, pixels: np.ndarray) -> None:
    put(tmp_path / name, pixels)
    assert cutouts.cutout_of(tmp_path / name, Kind.RENDERED_CUTOUT) is None


def test_a_flat_cut_out_is_a_drawing(tmp_path: Path) -> None:
    flat = disc(1)
    flat[..., :3] = (10, 200, 30)
    put(tmp_path / "flat.png", flat)
    found = cutouts.cutout_of(tmp_path / "flat.png", Kind.PHOTO_CUTOUT)
    assert found is not None
    assert found[1] is Kind.DRAWN_CUTOUT


def test_resizing_keeps_colours_of_transparent_pixels_out() -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[:, :32] = (200, 100, 50, 255)
    small = cutouts.resized(rgba, 15)
    visible = small[small[..., 3] > 20]
    assert np.abs(visible[:, :3].astype(int) - (200, 100, 50)).max() <= 2


def test_segments_are_cut_outs_of_a_photograph() -> None:
    photo = np.full((300, 400, 3), 30, np.uint8)
    photo[80:220, 100:300] = (200, 60, 40)
    cuts = list(segments_of(photo, np.random.default_rng(0)))
    assert cuts
    assert all(cut.shape[2] == 4 and (cut[..., 3] > 127).any() for cut in cuts)


def test_the_index_names_kind_origin_and_licence(tmp_path: Path) -> None:
    fetched_packages(tmp_path)
    counts = build_index(tmp_path, (CUTOUTS, PHOTOGRAPHS))
    assert counts["photograph"] == 6
    entries = json.loads((tmp_path / INDEX / "index.json").read_text())
    assert {entry["licence"] for entry in entries} == {"CC0-1.0", "CC-BY-4.0"}
    assert all((tmp_path / INDEX / entry["file"]).is_file() for entry in entries)


def test_the_parts_share_no_picture(tmp_path: Path) -> None:
    small_index(tmp_path)
    parts = [PictureLibrary.open(tmp_path, part) for part in Part]
    files = [{name for names in library.files.values() for name in names} for library in parts]
    assert all(files)
    assert not files[0] & files[1]
    assert part_of("a:b.png") is part_of("a:b.png")


def test_no_index_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingPictures, match=r"run ./scripts/fetch_training_pictures"):
        PictureLibrary.open(tmp_path, Part.TRAINING)


def test_an_index_without_cut_outs(tmp_path: Path) -> None:
    put(tmp_path / "unpacked/photographs/one.png", noise(1, 320, 400))
    build_index(tmp_path, (CUTOUTS,))
    with pytest.raises(MissingPictures, match="lacks photographs or cut-outs"):
        PictureLibrary.open(tmp_path, Part.TRAINING)
