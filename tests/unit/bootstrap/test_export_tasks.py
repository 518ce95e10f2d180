"""The export of a task's finished propagation without Label Studio."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from backend.adapters.media.cache import file_hash
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.bootstrap.export import ExportOrder, run_export
from backend.domain.geometry import Box
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex, VideoInfo
from tests.fakes.clock import FakeClock
from tests.unit.adapters.formats.builders import CAT, FRAMES, LABELS, SIZE, clip, stored, truth

TASK = TaskKey(5, 6)
PROMPTS = PromptSet.of([FramePrompt(CAT, FrameIndex(2), box=Box(0.1, 0.2, 0.5, 0.75))], LABELS)


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished propagation in the data folder; returns the video's file."""
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path / "data"))
    for name in ("DATABASE_URL", "LABEL_STUDIO_URL"):
        monkeypatch.delenv(name, raising=False)
    path = clip(tmp_path / "clip.mp4")
    info = VideoInfo(file_hash(path), SIZE, FRAMES, Fraction(30000, 1001))
    with FileMaskStore(tmp_path / "data" / "masks").writer("p-1-a1", video=info, labels=LABELS) as writer:
        for (object_id, index), mask in truth().items():
            writer.append(object_id, stored(index, mask))
        writer.commit()
    ledger = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite", FakeClock())
    media = MediaRef(("/data/upload/5/some%20clip.mp4",), is_pages=False)
    request = PropagationRequest(TASK, media, PROMPTS, model_version="masklet-tiny-0123abcd")
    job, _ = ledger.submit(JobKind.PROPAGATE, request)
    ledger.start(job.job_id, job.attempt, "w")
    assert ledger.finish(job.job_id, job.attempt, JobState.DONE, masks_run="p-1-a1")
    ledger.close()
    return path


def test_a_stored_run_is_exported_with_model_and_prompts(tmp_path: Path, video: Path) -> None:
    done = run_export(ExportOrder(["run:5/6"], "coco-rle", tmp_path / "out"))
    assert (done.kept, done.masks) == (FRAMES, 13)
    (entry,) = json.loads((tmp_path / "out/manifest.json").read_text())["videos"]
    assert (entry["name"], entry["key"]) == ("some clip", "5/6")
    assert entry["provenance"]["model"] == "masklet-tiny-0123abcd"
    assert entry["provenance"]["masks_run"] == "p-1-a1"
    assert entry["provenance"]["prompts"] == {
        "digest": PROMPTS.digest(),
        "prompts": [{"object": "cat", "label": "Cat", "frame": 2, "box": [0.1, 0.2, 0.5, 0.75]}],
    }
    assert (tmp_path / f"out/{entry['folder']}.json").exists()


def test_the_video_is_read_from_its_original_path(tmp_path: Path, video: Path) -> None:
    done = run_export(ExportOrder(["run:5/6"], "greenscreen", tmp_path / "out", videos=[video]))
    assert done.kept == len(list((tmp_path / "out").glob("frame_*_masked.png"))) == FRAMES
