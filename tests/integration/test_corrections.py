"""Corrections: frames are chosen, tasks made with masks and scores, one submitted, its video propagated again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.api.client import ChangedTask, TaskRecord
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.media.serving.addresses import DEFAULT_LIFE_S, frame_address, open_signer
from backend.application.review.audits import Audits
from backend.application.review.correction_tasks import Corrected
from backend.application.review.make_corrections import CorrectionMaker
from backend.application.review.object_pictures import PicturedObject, object_view
from backend.application.review.task_signature import TaskSigner
from backend.domain.errors import InvalidInput, NotAllowed, NotFound
from backend.domain.jobs import JobKind, PropagationRequest
from backend.domain.prompts import ObjectId
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.uncertainty.prioritization import Reason
from backend.domain.video import FrameIndex
from backend.interfaces.labelstudio.annotations import AnnotationSync, ChangeHint
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.web import FRAMES, FakeWeb, keypoint, pages_task

TASK, INTO = TaskKey(1, 7), 5
KEYFRAME = (
    '<View><BrushLabels name="mask" toName="image"><Label value="Cat"/><Label value="Dog"/></BrushLabels>'
    '<Image name="image" value="$image"/></View>'
)
SIGNER = TaskSigner(b"a secret")


@dataclass
class LabelStudioStub:
    """A Label Studio with the pages' task, and the correction tasks that a test makes."""

    data: dict[int, dict[str, object]] = field(default_factory=dict)
    results: dict[int, list[dict[str, object]]] = field(default_factory=dict)
    scores: dict[int, tuple[float, int, str]] = field(default_factory=dict)
    columns: dict[TaskKey, dict[str, str]] = field(default_factory=dict)
    serving: list[tuple[int, str]] = field(default_factory=list)
    updated_at: str = "3"

    def tasks(self, project_id: int) -> dict[int, dict[str, object]]:
        return self.data if project_id == INTO else {}

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        self.data[100 + len(self.data)] = dict(data)
        return 99 + len(self.data)

    def predict(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float, cluster: int
    ) -> None:
        self.results[task.task_id] = result
        self.scores[task.task_id] = (score, cluster, model_version)

    def describe(self, task: TaskKey, columns: Mapping[str, str]) -> None:
        self.columns[task] = dict(columns)

    def serve_worst_first(self, project_id: int, model_version: str) -> None:
        self.serving.append((project_id, model_version))

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        source = pages_task()["data"]
        assert isinstance(source, dict)
        return TaskRecord(task, source if task == TASK else self.data[task.task_id])

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        result: list[object] = [keypoint(page=0)] if task == TASK else list(self.results[task.task_id])
        return (AnnotationRecord(11, "3", False, result, author="ann@example.org, 3", updated_at=self.updated_at),)

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        return ()

    def label_config(self, project_id: int) -> str:
        return FRAMES if project_id == TASK.project_id else KEYFRAME


@dataclass
class CorrectionSetup:
    web: FakeWeb = field(default_factory=FakeWeb)
    studio: LabelStudioStub = field(default_factory=LabelStudioStub)
    key_values: MemoryKeyValueStore = field(default_factory=MemoryKeyValueStore)

    def adopt(self, task: TaskKey) -> None:
        assert self.annotation_sync().adopt(ChangeHint(task)) is not None
        self.web.work_off_all()

    def annotation_sync(self) -> AnnotationSync:
        return self.web.annotation_sync(self.studio, key_values=self.key_values, signer=SIGNER)

    def make(self, count: int = 2) -> list[tuple[int, bool]]:
        return [(made.task_id, made.is_new) for made in self.maker().make(TASK.project_id, INTO, count, seed=0)]

    def maker(self) -> CorrectionMaker:
        return CorrectionMaker(
            self.web.stored,
            self.web.masks,
            self.studio,
            KEYFRAME,
            lambda media, frame_index: media.addresses[frame_index],
            build_regions,
            SIGNER,
            Audits(self.key_values),
            lambda task: f"http://ls/{task}",
            lambda name: f"http://masklet/{name}",
            {TASK: "cats.mp4 (task 7)"},
        )

    def newest(self) -> PropagationRequest:
        job = next(job for job in self.web.stored.jobs() if job.kind is JobKind.PROPAGATE)
        request = self.web.stored.request(job.job_id)
        assert isinstance(request, PropagationRequest)
        return request


@pytest.fixture
def setup() -> CorrectionSetup:
    made = CorrectionSetup()
    made.adopt(TASK)
    return made


def test_each_chosen_frame_is_a_task_with_masks_and_a_score(setup: CorrectionSetup) -> None:
    made = setup.make()
    assert [is_new for _, is_new in made] == [True, True]
    for task_id, _ in made:
        frame = setup.studio.data[task_id]["frame"]
        assert setup.studio.data[task_id]["image"] == f"/data/{frame}.png"
        assert setup.studio.data[task_id]["video"] == "cats.mp4 (task 7)"
        assert setup.studio.data[task_id]["page"] == int(str(frame)) + 1
        assert setup.studio.data[task_id]["video_task"] == f"http://ls/{TASK}"
        name = str(setup.studio.data[task_id]["object_picture"]).rpartition("/")[2].removesuffix(")")
        shown = PicturedObject.of_name(name)
        assert shown == PicturedObject(TASK, FrameIndex(0), ObjectId("Cat"))
        (region,) = setup.studio.results[task_id]
        assert (region["from_name"], region["item_index"]) == ("mask", 0)
        score, cluster, version = setup.studio.scores[task_id]
        assert cluster == TASK.task_id
        assert region["score"] == pytest.approx(score, abs=1e-4)
        assert f"{1 - score:.4f}" == setup.studio.data[task_id]["uncertainty"]
        assert setup.studio.serving == [(INTO, version)]
    assert set(setup.studio.columns[TASK]) == {"priority"}


def test_the_object_is_pictured_from_the_masks_of_now(setup: CorrectionSetup) -> None:
    subject = PicturedObject(TASK, FrameIndex(0), ObjectId("Cat"))
    view = object_view(subject, setup.web.stored, setup.web.masks)
    assert (view.caption, view.box, view.media.addresses[0]) == ("Cat, page 1", None, "/data/0.png")
    assert view.mask is not None
    for gone in (replace(subject, object_id=ObjectId("Dog")), replace(subject, task=TaskKey(1, 8))):
        with pytest.raises(NotFound, match="any more"):
            object_view(gone, setup.web.stored, setup.web.masks)


def test_a_second_call_makes_no_task_twice(setup: CorrectionSetup) -> None:
    first = setup.make()
    assert setup.make() == [(task_id, False) for task_id, _ in first]


def test_a_submitted_correction_prompts_the_video_again(
    setup: CorrectionSetup,
) -> None:
    ((task_id, _),) = setup.make(1)
    frame = setup.studio.data[task_id]["frame"]
    before = setup.newest()
    setup.adopt(TaskKey(INTO, task_id))
    after = setup.newest()
    assert (before.task, after.task) == (TASK, TASK)
    (drawn,) = [prompt for prompt in after.prompts if prompt.frame_index == frame and prompt.mask is not None]
    assert drawn.object_id == "Cat"
    assert {prompt.frame_index for prompt in after.prompts} == {0, frame}


def test_a_task_that_masklet_did_not_make_writes_no_prompts(setup: CorrectionSetup) -> None:
    ((task_id, _),) = setup.make(1)
    before = setup.newest()
    masklet = setup.studio.data[task_id]["masklet"]
    assert isinstance(masklet, dict)
    setup.studio.data[task_id]["masklet"] = {**masklet, "corrects": {**masklet["corrects"], "frame": 1}}
    with pytest.raises(NotAllowed, match="did not make this correction of frame 1 of task 1/7"):
        setup.annotation_sync().adopt(ChangeHint(TaskKey(INTO, task_id)))
    assert setup.newest().prompts.digest() == before.prompts.digest()


def test_a_forged_task_does_not_replace_the_real_one(setup: CorrectionSetup) -> None:
    ((task_id, _),) = setup.make(1)
    masklet = setup.studio.data[task_id]["masklet"]
    assert isinstance(masklet, dict)
    del masklet["proof"]
    ((again, is_new),) = setup.make(1)
    assert is_new
    assert again != task_id


def test_an_annotation_is_taken_up_once(setup: CorrectionSetup) -> None:
    ((task_id, _),) = setup.make(1)
    assert setup.annotation_sync().adopt(ChangeHint(TaskKey(INTO, task_id))) is not None
    assert setup.annotation_sync().adopt(ChangeHint(TaskKey(INTO, task_id))) is None


def test_audits_are_compared_with_their_annotations(setup: CorrectionSetup) -> None:
    made = setup.maker().make(TASK.project_id, INTO, 10, seed=0)
    (audit,) = [one for one in made if one.frame.choice.reason is Reason.AUDIT]
    audits = Audits(setup.key_values)
    assert audits.tallies() == {}
    for one in made:
        setup.annotation_sync().adopt(ChangeHint(TaskKey(INTO, one.task_id)))
    ((version, found),) = audits.tallies(TASK.project_id).items()
    assert version == audit.frame.video.model_version
    assert (found.count, found.failures) == (1, 0)
    assert found.predicted == pytest.approx(audit.frame.uncertainty)
    setup.studio.results[audit.task_id] = []
    setup.studio.updated_at = "4"
    assert setup.annotation_sync().adopt(ChangeHint(TaskKey(INTO, audit.task_id))) is None
    assert [one.failures for one in audits.tallies().values()] == [1]


def test_a_project_without_propagations_is_an_error(setup: CorrectionSetup) -> None:
    with pytest.raises(NotFound, match="nothing of project 9 has been propagated"):
        setup.maker().make(9, INTO, 1, seed=0)


def test_a_frame_of_a_served_video_has_a_signed_address(tmp_path: Path) -> None:
    signer = open_signer(tmp_path / "media.key")
    address_of = partial(frame_address, signer=signer, base_url="https://pages.example", now_s=lambda: 1000.0)
    video = MediaRef(("http://masklet.example" + signer.path("m1", "video.mp4", until_s=1),), is_pages=False)
    address = address_of(video, FrameIndex(12))
    assert address == "https://pages.example" + signer.path("m1", "000012.jpg", until_s=1000 + DEFAULT_LIFE_S)
    with pytest.raises(InvalidInput, match="import it with `masklet import`"):
        address_of(MediaRef(("https://other.example/a.mp4",), is_pages=False), FrameIndex(0))


def test_the_key_names_project_task_and_frame() -> None:
    corrected = Corrected(TASK, FrameIndex(3))
    assert corrected.key == "correction:1/7:3"
    assert replace(corrected, frame_index=FrameIndex(4)).key == "correction:1/7:4"
