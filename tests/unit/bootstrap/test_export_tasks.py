"""The export of a task's finished propagation without Label Studio."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from backend.adapters.media.cache import file_hash
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.player.timeline import digests_of_run
from backend.bootstrap.export import ExportOrder, run_export
from backend.codecs.coco_rle import CocoCodec
from backend.domain.datasets import FormatName
from backend.domain.errors import InvalidInput
from backend.domain.geometry import Box
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.verdicts import GivenVerdict, Verdict
from backend.domain.video import FrameIndex, VideoInfo
from tests.fakes.clock import FakeClock
from tests.unit.adapters.formats.builders import CAT, DOG, FRAMES, LABELS, SIZE, clip, stored, truth

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


@pytest.fixture
def judge(tmp_path: Path, video: Path) -> Iterator[Callable[..., None]]:
    """Gives a verdict on the stored masks, or on others, in the ledger of the data folder."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/data/ledger.sqlite", FakeClock())
    digests = digests_of_run(PROMPTS, FileMaskStore(tmp_path / "data" / "masks").records("p-1-a1"), CocoCodec())

    def give(user: str, verdict: Verdict, *, is_current: bool = True, comment: str = "") -> None:
        given = GivenVerdict(CAT, verdict, comment, digests.objects[CAT] if is_current else "of other masks")
        ledger.set_verdict(TASK, given, user=user)

    yield give
    ledger.close()


def test_verdicts_are_in_the_manifest(tmp_path: Path, judge: Callable[..., None]) -> None:
    judge("", Verdict.SATISFACTORY, is_current=False)
    judge("bob@example.org", Verdict.REDO, comment="the tail is missing")
    judge("cy@example.org", Verdict.REJECT, is_current=False)
    assert run_export(ExportOrder(["run:5/6"], "davis", tmp_path / "out")).left_out == {}
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    (entry,) = manifest["videos"]
    cat = {"object": CAT, "user": "", "verdict": "satisfactory", "comment": "", "is_outdated": True}
    redo = {"user": "bob@example.org", "verdict": "redo", "comment": "the tail is missing", "is_outdated": False}
    assert entry["verdicts"] == [cat, {**cat, **redo}]
    assert {each["id"]: each["verdict"] for each in entry["objects"]} == {CAT: "redo", DOG: "none"}
    assert manifest["verdicts"] == {"choice": "all", "objects_offered": 2, "objects_left_out": {}}


@pytest.mark.parametrize("name", list(FormatName))
def test_only_objects_with_the_wanted_verdict_are_exported(
    tmp_path: Path, video: Path, judge: Callable[..., None], name: FormatName
) -> None:
    judge("bob@example.org", Verdict.SATISFACTORY)
    order = ExportOrder(["run:5/6"], name.value, tmp_path / "out", verdicts="satisfactory", videos=[video])
    done = run_export(order)
    present = [mask for (object_id, _), mask in truth().items() if object_id == CAT and mask.any()]
    assert (done.objects, done.left_out, done.masks) == (2, {"none": 1}, len(present))
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["verdicts"] == {"choice": "satisfactory", "objects_offered": 2, "objects_left_out": {"none": 1}}
    (entry,) = manifest["videos"]
    assert [each["id"] for each in entry["objects"]] == [CAT]
    assert [(each["id"], each["verdict"]) for each in entry["objects_left_out"]] == [(DOG, "none")]


def test_an_object_keeps_its_number_without_the_others(tmp_path: Path, judge: Callable[..., None]) -> None:
    judge("bob@example.org", Verdict.REJECT)
    run_export(ExportOrder(["run:5/6"], "coco-rle", tmp_path / "out", verdicts="none"))
    (entry,) = json.loads((tmp_path / "out/manifest.json").read_text())["videos"]
    document = json.loads((tmp_path / f"out/{entry['folder']}.json").read_text())
    assert [(each["number"], each["id"]) for each in document["objects"]] == [(2, DOG)]
    assert {each["number"] for frame in document["frames"] for each in frame["objects"]} == {2}


def test_an_outdated_verdict_does_not_count(tmp_path: Path, judge: Callable[..., None]) -> None:
    judge("", Verdict.SATISFACTORY, is_current=False)
    with pytest.raises(InvalidInput, match=r"no object has the verdict satisfactory \(1 outdated, 1 none\)"):
        run_export(ExportOrder(["run:5/6"], "coco-rle", tmp_path / "out", verdicts="satisfactory"))
    assert not (tmp_path / "out").exists()
    done = run_export(ExportOrder(["run:5/6"], "coco-rle", tmp_path / "out", verdicts="outdated"))
    assert done.left_out == {"none": 1}


def test_the_video_is_read_from_its_original_path(tmp_path: Path, video: Path) -> None:
    done = run_export(ExportOrder(["run:5/6"], "greenscreen", tmp_path / "out", videos=[video]))
    assert done.kept == len(list((tmp_path / "out").glob("frame_*_masked.png"))) == FRAMES
