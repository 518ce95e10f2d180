"""Trained checkpoints: installed as a whole, found by name, moved as an archive, refused if anything is wrong."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.adapters.sam2.weights import trained_archive
from backend.adapters.sam2.weights.calibrators import calibrator_path
from backend.adapters.sam2.weights.checkpoint_files import sha256_of
from backend.adapters.sam2.weights.checkpoints import SHIPPED_DIR, find
from backend.adapters.sam2.weights.trained import (
    CARD,
    CONFIG,
    WEIGHTS,
    install,
    require_safe_config,
    trained_checkpoints,
    trained_names,
    verify,
)
from backend.adapters.sam2.weights.trained_archive import export_trained, import_trained
from backend.domain.errors import IntegrityError, InvalidInput, MaskletError, ModelError, NotFound

NAME = "project7"


def folder_of(tmp_path: Path, name: str = NAME, weights: bytes = b"weights") -> Path:
    folder = tmp_path / f"made-{name}"
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(weights)
    shutil.copyfile(SHIPPED_DIR / "demo.yaml", folder / CONFIG)
    card = {"format": 1, "name": name, "sha256": sha256_of(folder / WEIGHTS)}
    (folder / CARD).write_text(json.dumps(card))
    (folder / f"{name}.calibrator.json").write_text("{}")
    return folder


def test_an_installed_checkpoint_is_found_by_its_name(tmp_path: Path) -> None:
    trained = install(folder_of(tmp_path), tmp_path / "models")
    found = find(NAME, tmp_path / "models")
    assert found == trained.checkpoint
    assert found.version == f"masklet-{NAME}-{trained.sha256[:8]}"
    assert calibrator_path(found) == trained.calibrator
    assert trained.calibrator.is_file()
    assert trained_names(tmp_path / "models") == (NAME,)
    assert not list((tmp_path / "models" / "trained").glob(".*"))


def test_an_unknown_name_is_told_the_trained_ones(tmp_path: Path) -> None:
    install(folder_of(tmp_path), tmp_path / "models")
    with pytest.raises(ModelError, match=NAME):
        find("project8", tmp_path / "models")


def test_installing_again_changes_nothing_another_is_refused(tmp_path: Path) -> None:
    models = tmp_path / "models"
    install(folder_of(tmp_path), models)
    install(tmp_path / f"made-{NAME}", models)
    with pytest.raises(InvalidInput, match="another trained checkpoint"):
        install(folder_of(tmp_path / "b", weights=b"others"), models)


@pytest.mark.parametrize("name", ["demo", "auto", "../x", "a/b", ".hidden", "", "x" * 65])
def test_a_name_that_is_no_folder_or_taken_is_refused(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path)
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "name": name}))
    with pytest.raises(InvalidInput):
        install(folder, tmp_path / "models")


def test_a_damaged_folder_is_left_out_of_the_list(tmp_path: Path) -> None:
    trained = install(folder_of(tmp_path), tmp_path / "models")
    (trained.folder / CARD).write_text("{")
    assert trained_checkpoints(tmp_path / "models") == []
    with pytest.raises(IntegrityError, match="cannot be read"):
        find(NAME, tmp_path / "models")


def test_weights_of_another_hash_are_refused(tmp_path: Path) -> None:
    trained = install(folder_of(tmp_path), tmp_path / "models")
    (trained.folder / WEIGHTS).write_bytes(b"changed")
    with pytest.raises(IntegrityError, match="not those of its card"):
        verify(trained)
    with pytest.raises(IntegrityError):
        export_trained(NAME, tmp_path / "models", tmp_path / "out.zip")


def test_an_archive_brings_the_checkpoint_to_another_folder(tmp_path: Path) -> None:
    trained = install(folder_of(tmp_path), tmp_path / "models")
    export_trained(NAME, tmp_path / "models", tmp_path / "out.zip")
    there = import_trained(tmp_path / "out.zip", tmp_path / "others")
    assert there.card == trained.card
    assert there.calibrator.is_file()
    assert sorted(path.name for path in (tmp_path / "others").iterdir()) == ["trained"]
    with pytest.raises(NotFound, match=NAME):
        export_trained("project8", tmp_path / "models", tmp_path / "out.zip")


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Path:
    with zipfile.ZipFile(archive) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(archive, "w") as packed:
        for name, body in change(files).items():
            packed.writestr(name, body)
    return archive


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda files: {**files, "../../evil": b"x"}, "no file of a checkpoint"),
        (lambda files: {**files, "/etc/evil": b"x"}, "no file of a checkpoint"),
        (lambda files: {**files, WEIGHTS: b"others"}, "not those of its card"),
        (lambda files: {**files, CARD: b"x" * 2**21}, "more than"),
        (lambda files: {**files, CARD: b"[]"}, "no card"),
        (lambda files: {name: body for name, body in files.items() if name != WEIGHTS}, "is missing"),
        (lambda files: {name: body for name, body in files.items() if name != CARD}, "is missing"),
        (lambda files: {**files, CONFIG: files[CONFIG].replace(b"sam2.modeling.sam2_base.SAM2Base", b"os.system")},
         "no part of SAM 2"),
    ],
)  # fmt: skip
def test_a_changed_archive_is_refused_and_leaves_nothing(
    tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], said: str
) -> None:
    install(folder_of(tmp_path), tmp_path / "models")
    export_trained(NAME, tmp_path / "models", tmp_path / "out.zip")
    with pytest.raises(MaskletError, match=said):
        import_trained(rewritten(tmp_path / "out.zip", change), tmp_path / "others")
    assert list((tmp_path / "others").rglob("*.*")) == []


@pytest.mark.parametrize("body", [b"", b"no zip", b"PK\x05\x06" + bytes(10)])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(body)
    with pytest.raises(MaskletError):
        import_trained(tmp_path / "x.zip", tmp_path / "models")


def test_a_cut_or_missing_archive_is_refused(tmp_path: Path) -> None:
    install(folder_of(tmp_path, weights=bytes(range(256)) * 40), tmp_path / "models")
    export_trained(NAME, tmp_path / "models", tmp_path / "out.zip")
    whole = (tmp_path / "out.zip").read_bytes()
    (tmp_path / "out.zip").write_bytes(whole[: len(whole) // 2])
    for path in (tmp_path / "out.zip", tmp_path / "none.zip", tmp_path):
        with pytest.raises(InvalidInput):
            import_trained(path, tmp_path / "others")


def test_an_archive_may_not_say_a_smaller_size_than_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder_of(tmp_path, weights=b"w" * 2000), tmp_path / "models")
    export_trained(NAME, tmp_path / "models", tmp_path / "out.zip")
    monkeypatch.setitem(trained_archive.MOST_BYTES, WEIGHTS, 1000)
    with pytest.raises(InvalidInput, match="more than 1,000 bytes"):
        import_trained(tmp_path / "out.zip", tmp_path / "others")


@pytest.mark.parametrize(
    "text",
    [
        "model: {_target_: sam2.modeling.sam2_base.torch.hub.load}",
        "model: {_target_: sam2.modeling.sam2_base.SAM2Base, trunk: {weights_path: /tmp/x.pt}}",
        "model: {_target_: sam2.modeling.sam2_base.SAM2Base, name: '${oc.env:HOME}'}",
        "model: {_target_: sam2.modeling.sam2_base.SAM2Base, _partial_: true}",
        "model: !!python/object/apply:os.system [ls]",
        "model: {a: 1}",
        "[]",
        "model: &a {_target_: sam2.modeling.sam2_base.SAM2Base, b: [*a, *a]}",
    ],
)
def test_a_config_that_does_more_than_build_sam_2_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(IntegrityError):
        require_safe_config(tmp_path / CONFIG)
