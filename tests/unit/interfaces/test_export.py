"""`masklet export`: its output, its exit codes, and no files after invalid input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from backend.adapters.formats.registry import FORMATS
from backend.adapters.media.cache import file_hash
from backend.domain.datasets import FormatName
from backend.interfaces import cli
from tests.unit.adapters.formats.builders import SIZE, clip, propagated, truth


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["masklet", "export", *map(str, arguments)])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    return int(exited.value.code or 0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    video = clip(tmp_path / "films" / "clip.mp4")
    return propagated(tmp_path / "source", content_hash=file_hash(video))


def left(folder: Path) -> list[str]:
    """The names beside the source and the videos."""
    return sorted(path.name for path in folder.iterdir() if path.name not in ("source", "films"))


def test_verdicts_of_a_folder_are_refused_before_anything_is_written(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--format", "coco", "--out", tmp_path / "out", "--skip-faulty", "--verdict")
    assert run(monkeypatch, source, *options, "satisfactory") == 2
    assert "folders have none; name project:N or run:N/TASK" in " ".join(capsys.readouterr().err.split())
    assert run(monkeypatch, source, *options, "good") == 2
    refusal = " ".join(capsys.readouterr().err.split())
    assert "satisfactory, redo, reject, skipped, outdated, none with commas between, not 'good'" in refusal
    assert left(tmp_path) == []


def test_the_command_offers_every_format() -> None:
    assert list(FormatName) == list(FORMATS)


def test_an_export_prints_a_summary_and_writes_a_manifest(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--format", "coco", "--frames", "certain:0.4", "--json", tmp_path / "done.json")
    assert run(monkeypatch, source, "--out", tmp_path / "out", *options) == 0
    assert f"8 masks on 5 of 8 frames of 1 video, in {tmp_path / 'out'}." in capsys.readouterr().err
    assert json.loads((tmp_path / "done.json").read_text())["kept"] == 5
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["frames"] == {"choice": "certain:0.4", "offered": 8, "kept": 5}
    (video,) = manifest["videos"]
    assert video["provenance"]["model"] == "masklet-tiny-0123abcd"
    assert video["provenance"]["prompts"] == {"digest": "d" * 64}
    assert video["sha256"] == file_hash(tmp_path / "films/clip.mp4")
    body = (source / "masklets.json").read_bytes()
    assert video["provenance"]["masklets_sha256"] == hashlib.sha256(body).hexdigest()
    listed = (tmp_path / "out/files.sha256").read_bytes()
    assert manifest["files"]["sha256"] == hashlib.sha256(listed).hexdigest()
    digest, name = listed.decode().split()
    assert digest == hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "coco", "--frames", "most"), "--frames takes human, all or certain:LIMIT"),
        (("--format", "coco", "--frames", "certain:7"), "must lie within 0..1, got '7'"),
        (("--format", "overlay"), "name the video file, or the folder it is in, with --video"),
        (("--format", "davis", "--images"), "name the video file, or the folder it is in, with --video"),
        (("--format", "davis", "--video", "nowhere.mp4"), "--video nowhere.mp4 is not there"),
        (("--format", "yolo", "--split", "0.5,0.2"), "--split takes the shares of train, val and test"),
        (("--format", "greenscreen", "--background", "green"), "--background takes red, green and blue"),
        (("--format", "greenscreen", "--offset", "-1"), "--offset counts frames from 0 on"),
        (("--format", "davis", "--into-tasks"), "--into-tasks is for --format overlay of tasks"),
        (("--format", "overlay", "--into-tasks"), "name project:N, project:N/TASK or run:N/TASK as the source"),
    ],
)
def test_invalid_options_are_refused_and_leave_nothing(
    tmp_path: Path,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert run(monkeypatch, source, "--out", tmp_path / "out", *arguments) == 2
    assert message in capsys.readouterr().err
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "there is no folder nowhere; a source is"),
        ("run:5", "name it as run:5/TASK"),
        ("project:5", "put its address in LABEL_STUDIO_URL"),
        ("run:5/6", "task 5/6 has no finished propagation in this data folder"),
    ],
)
def test_missing_sources_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    assert run(monkeypatch, name, "--out", tmp_path / "out", "--format", "coco") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_selected_frame_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = {key: mask for key, mask in truth().items() if key[1] in (1, 3)}
    folder = propagated(tmp_path / "source", masks=masks)
    assert run(monkeypatch, folder, "--out", tmp_path / "out", "--format", "coco", "--frames", "human") == 2
    assert "of 2 frames none was approved by a person; widen --frames human" in capsys.readouterr().err
    assert left(tmp_path) == []


def test_another_video_of_the_same_name_is_refused(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "films/clip.mp4").unlink()
    clip(tmp_path / "films" / "clip.mp4", frames=9)
    options = ("--format", "overlay", "--video", tmp_path / "films")
    assert run(monkeypatch, source, "--out", tmp_path / "out", *options) == 2
    assert "'clip.mp4' is not among the 1 files that --video names" in capsys.readouterr().err
    assert left(tmp_path) == []


def test_a_renamed_video_is_found_by_its_content(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "films/clip.mp4").rename(tmp_path / "films/käse 2.mp4")
    options = ("--format", "overlay", "--video", tmp_path / "films")
    assert run(monkeypatch, source, "--out", tmp_path / "out", *options) == 0
    assert (tmp_path / "out/clip.mp4").stat().st_size > 1000


def remember(source: Path, video: Path) -> None:
    """Writes the video's path into the folder, as `masklet propagate` does."""
    summary = json.loads((source / "summary.json").read_text())
    (source / "summary.json").write_text(json.dumps({**summary, "video_path": str(video)}))


def test_the_video_is_found_where_it_was(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(source, tmp_path / "films/clip.mp4")
    assert run(monkeypatch, source, "--out", tmp_path / "out", "--format", "overlay") == 0
    assert (tmp_path / "out/clip.mp4").stat().st_size > 1000


def test_a_video_that_is_gone_is_named(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "films/clip.mp4"
    remember(source, film)
    clip(film, frames=9)
    assert run(monkeypatch, source, "--out", tmp_path / "out", "--format", "overlay") == 2
    assert f"{film} is not the video that was labelled any more" in capsys.readouterr().err
    film.unlink()
    assert run(monkeypatch, source, "--out", tmp_path / "out", "--format", "overlay") == 2
    assert f"the video was {film}, and is not there any more; name it with --video" in capsys.readouterr().err
    assert run(monkeypatch, source, "--out", tmp_path / "out", "--format", "davis") == 0
    assert not (tmp_path / "out/JPEGImages").exists()


def test_an_export_into_its_own_source_is_refused(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in source.iterdir())
    for out in (source, source / "out", tmp_path):
        assert run(monkeypatch, source, "--out", out, "--format", "coco", "--overwrite") == 2
        assert "lie within each other" in capsys.readouterr().err
    assert sorted(path.name for path in source.iterdir()) == before


def test_equal_and_odd_video_names_have_separate_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"a": "x/../../clip.mp4", "b": "clip.mp4", "c": f"{'ü' * 190} 1.mp4", "d": "my clip.mp4", "e": "..mp4"}
    for folder, name in names.items():
        propagated(tmp_path / "batch" / folder, name=name)
    assert run(monkeypatch, tmp_path / "batch", "--out", tmp_path / "out", "--format", "sav") == 0
    folders = {path.name for path in (tmp_path / "out/Annotations").iterdir()}
    assert len(folders) == 5
    assert all(name.isascii() and " " not in name and len(name) < 80 for name in folders)
    assert run(monkeypatch, tmp_path / "batch", "--out", tmp_path / "again", "--format", "sav") == 0
    assert (tmp_path / "again/files.sha256").read_bytes() == (tmp_path / "out/files.sha256").read_bytes()


def test_yolo_keeps_every_video_in_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = {key: mask for key, mask in truth().items() if key[1] in (0, 1)}
    for number in range(5):
        propagated(tmp_path / "batch" / str(number), name=f"v{number}.mp4", masks=masks, size=SIZE)
    options = ("--format", "yolo", "--split", "0.6,0.2,0.2")
    assert run(monkeypatch, tmp_path / "batch", "--out", tmp_path / "out", *options) == 0
    parts = {
        part: {path.name.partition("_")[0] for path in (tmp_path / "out/labels" / part).iterdir()}
        for part in ("train", "val", "test")
    }
    assert [len(parts[part]) for part in ("train", "val", "test")] == [3, 1, 1]
    assert len(set.union(*parts.values())) == 5
