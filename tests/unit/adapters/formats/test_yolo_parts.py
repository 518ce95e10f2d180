"""YOLO's parts when videos were left out after the split, as `--verdict` and `--skip-faulty` do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from backend.adapters.formats.shared.target import target_folder
from backend.adapters.formats.yolo import Split, YoloFormat
from backend.adapters.store.datasets.labelled import no_pictures
from backend.adapters.store.datasets.labelled_folder import FolderSource
from backend.application.ports.datasets import DatasetEntry, ManifestEntry, PlannedVideo
from backend.domain.errors import InvalidInput
from tests.unit.adapters.formats.builders import propagated

VIDEOS = [PlannedVideo(DatasetEntry(name, name), name) for name in ("a", "b", "c")]


def export_one(folder: Path, part: str) -> ManifestEntry:
    """Exports the first of three planned videos that is in a part; returns the notes."""
    source = FolderSource([propagated(folder / "source")], no_pictures)
    chosen = next(each for each in VIDEOS if Split().assign(VIDEOS)[each.folder] == part)
    fmt = YoloFormat(segment=False)
    with target_folder(folder / "out") as target, source.open(source.entries()[0]) as video:
        fmt.start(target, VIDEOS)
        with fmt.video(chosen, video) as sink:
            for frame in video.frames():
                sink.put(frame, None)
        return fmt.finish()


def test_without_a_video_in_val_val_is_train(tmp_path: Path) -> None:
    notes = export_one(tmp_path, "train")
    assert "no exported video is in val" in str(notes["val"])
    assert yaml.safe_load((tmp_path / "out/data.yaml").read_text())["val"] == "images/train"


def test_an_export_without_a_video_in_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no exported video is in train: all of its videos were left out"):
        export_one(tmp_path, "val")
    assert not (tmp_path / "out").exists()
