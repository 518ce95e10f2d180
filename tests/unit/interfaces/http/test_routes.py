"""The routes of Label Studio's protocol and their answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.api.client import ChangedTask, TaskRecord
from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.domain.errors import LabelStudioUnavailable, NotFound
from backend.domain.jobs import JobKind, ModelInfo
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import TaskKey
from backend.interfaces.labelstudio.predict import PUSH_S
from tests.fakes.crowd.routed_tasks import CrowdOfTest
from tests.fakes.web import FRAMES, MODEL, VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task

DEMO = ModelInfo("demo", "masklet-demo-0badcafe", 256, "cpu", is_demo=True)
TASK = TaskKey(1, 7)


@dataclass
class FakeReader:
    """Label Studio with one task and its annotations; each call raises one of `errors`, oldest first."""

    records: tuple[AnnotationRecord, ...] = ()
    errors: list[Exception] = field(default_factory=list)
    asked: list[TaskKey] = field(default_factory=list)

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        data = pages_task()["data"]
        assert isinstance(data, dict)
        return TaskRecord(task, data)

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        self.asked.append(task)
        if self.errors:
            raise self.errors.pop(0)
        return self.records

    def label_config(self, project_id: int) -> str:
        return FRAMES

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        return ()


def setup_body(**fields: object) -> dict[str, object]:
    return {
        "project": "1.1700000000",
        "schema": FRAMES,
        "hostname": "http://attacker.example",
        "access_token": "t0ken-of-somebody",
        **fields,
    }


def test_setup_returns_the_model_version() -> None:
    reply = FakeWeb().client().post("/setup", json=setup_body())
    assert (reply.status_code, reply.json()) == (200, {"model_version": MODEL.version})


def test_setup_before_any_worker_does_not_wait() -> None:
    web = FakeWeb()
    web.models.model = None
    started_s = web.clock.monotonic_s()
    assert web.client().post("/setup", json=setup_body()).json() == {"model_version": "masklet-auto-starting"}
    assert web.clock.monotonic_s() == started_s


def test_setup_without_a_project_is_refused() -> None:
    body = setup_body()
    del body["project"]
    reply = FakeWeb().client().post("/setup", json=body)
    assert (reply.status_code, "'project'" in reply.json()["detail"]) == (400, True)


def test_setup_warns_of_an_unusable_config() -> None:
    reply = FakeWeb().client().post("/setup", json=setup_body(schema="<View></View>"))
    assert reply.status_code == 200
    assert reply.json()["model_version"] == MODEL.version
    assert "<Video> or <Image>" in reply.json()["warning"]


def test_the_token_of_setup_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client = FakeWeb().client()
    client.post("/setup", json=setup_body())
    client.post("/setup", json=setup_body(project=None))
    assert "t0ken" not in caplog.text


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_reports_model_workers_and_queue(path: str) -> None:
    web = FakeWeb()
    web.models.model = DEMO
    web.queue.worker_counts = {JobKind.INTERACTIVE: 1, JobKind.PROPAGATE: 2}
    with web.client() as client:
        reply = client.get(path)
    assert reply.status_code == 200
    assert reply.json() == {
        "status": "UP",
        "model_class": "MaskletModel",
        "model": "demo",
        "model_version": "masklet-demo-0badcafe",
        "is_demo": True,
        "notice": "This is the demo model: it shows how Masklet works and is not for real work.",
        "device": "cpu",
        "workers": {"interactive": 1, "propagate": 2},
        "silent_workers": {"interactive": 0, "propagate": 0},
        "late": {},
        "queue_depth": {"interactive": 0, "propagate": 0},
        "queue": "up",
        "annotations": "not read: LABEL_STUDIO_URL is not set",
        "leases": None,
    }


def test_health_without_worker_and_queue_is_up_and_reports_it() -> None:
    web = FakeWeb()
    web.models.model = None
    web.queue.down = True
    with web.client() as client:
        health = client.get("/health").json()
    assert (health["status"], health["model_version"]) == ("UP", "masklet-auto-starting")
    assert (health["notice"], health["is_demo"]) == ("No worker has announced its model yet.", False)
    assert (health["workers"], health["queue_depth"]) == (None, None)
    assert health["queue"] == "the queue does not answer; start Redis or Valkey and try again"


def test_health_tells_of_workers_that_make_no_progress() -> None:
    web = FakeWeb()
    web.queue.silent_counts = {JobKind.INTERACTIVE: 1, JobKind.PROPAGATE: 0}
    with web.client() as client:
        reply = client.get("/health")
    told = reply.json()
    assert (reply.status_code, told["status"]) == (200, "DEGRADED")
    assert told["silent_workers"] == {"interactive": 1, "propagate": 0}
    assert "1 interactive worker makes no progress." in told["notice"]


def test_health_makes_no_request() -> None:
    web = FakeWeb()
    web.queue.down = True
    assert web.client().get("/health").json()["queue"] == "the queue has not been asked yet"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_versions_are_the_one_in_use(method: str) -> None:
    json = {"project": "1.17"} if method == "POST" else None
    reply = FakeWeb().client().request(method, "/versions", json=json)
    assert (reply.status_code, reply.json()) == (200, {"versions": [MODEL.version]})


def test_metrics_count_jobs_workers_and_requests() -> None:
    web = FakeWeb()
    web.queue.worker_counts = {JobKind.INTERACTIVE: 3, JobKind.PROPAGATE: 0}
    client = web.client()
    client.post("/predict", json=predict_body(pages_task(), regions=[keypoint()]))
    client.post("/predict", json=predict_body("x", regions=[keypoint()]))
    client.get("/nowhere")
    web.stored.record_failure(FailedTry(FailureKind.PUSH, "1/7 m", TaskKey(1, 7), Failures("LabelStudioRefused", 3)))
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = reply.text.splitlines()
    for line in (
        'masklet_jobs{kind="interactive",state="done"} 1.0',
        'masklet_jobs{kind="propagate",state="done"} 1.0',
        'masklet_jobs{kind="propagate",state="failed"} 0.0',
        "masklet_queue_up 1.0",
        'masklet_queue_depth{queue="interactive"} 1.0',
        'masklet_oldest_queued_seconds{kind="interactive"} 0.0',
        'masklet_workers{queue="interactive"} 3.0',
        "masklet_pushes_pending 1.0",
        'masklet_failed_tries{cause="LabelStudioRefused",given_up="false",kind="push"} 1.0',
        'masklet_predict_seconds_count{kind="interactive",status="200"} 1.0',
        'masklet_predict_seconds_count{kind="interactive",status="400"} 1.0',
        'masklet_http_requests_total{route="/predict",status="200"} 1.0',
        'masklet_http_requests_total{route="none",status="404"} 1.0',
        f'masklet_model_info{{device="cpu",name="fake",version="{MODEL.version}"}} 1.0',
    ):
        assert line in lines, reply.text


def test_metrics_without_a_queue_omit_its_figures() -> None:
    web = FakeWeb()
    web.queue.down = True
    text = web.client().get("/metrics").text
    assert "masklet_queue_up 0.0" in text.splitlines()
    assert "masklet_queue_depth{" not in text
    assert "masklet_workers{" not in text


def test_a_click_in_a_queue_outage_is_kept_and_answered_later() -> None:
    web = FakeWeb()
    web.queue.down = True
    reply = web.client().post("/predict", json=predict_body(pages_task(), regions=[keypoint()]))
    assert len(reply.json()["results"][0]["result"]) == 1


# webhooks and training


def webhook(action: str = "ANNOTATION_CREATED", **fields: object) -> dict[str, object]:
    return {"action": action, "project": {"id": 1}, "annotation": {"id": 11, "task": 7, "result": ["a lie"]}, **fields}


def brush(label: str = "Cat", *, page: int = 2, region_id: str = "r1") -> dict[str, object]:
    """A person's brush mask of the whole page."""
    region = keypoint(label, page=page, region_id=region_id)
    return {
        **region,
        "type": "brushlabels",
        "from_name": "brush",
        "value": {"format": "rle", "rle": encode_rle(np.ones((8, 16), np.bool_)), "brushlabels": [label]},
    }


def record(*result: object, annotation_id: int = 11, cancelled: bool = False) -> AnnotationRecord:
    return AnnotationRecord(annotation_id, "3", cancelled, list(result), author="Ann ann@example.org, 3")


def test_an_annotation_is_propagated_as_its_author_s() -> None:
    reader = FakeReader((record(brush()),))
    web = FakeWeb(label_studio=reader)
    reply = web.client().post("/webhook", json=webhook())
    assert (reply.status_code, reply.json()) == (200, {"status": "accepted", "tasks": ["1/7"]})
    assert reader.asked == [TASK]
    (job,) = web.stored.jobs()
    assert (job.kind, job.task, job.model_version) == (JobKind.PROPAGATE, TASK, MODEL.version)
    (prompt,) = web.stored.prompts(TASK, user="ann@example.org")
    assert prompt.mask is not None
    assert (prompt.object_id, prompt.frame_index, bool(prompt.mask.all())) == ("Cat", 2, True)


def test_a_person_s_changes_are_added_to_the_earlier_prompts() -> None:
    reader = FakeReader()
    web = FakeWeb(label_studio=reader)
    client = web.client()
    task = {**pages_task(), "drafts": [{"user": "ann@example.org", "result": []}]}
    client.post("/predict", json=predict_body(task, regions=[keypoint(page=4)]))
    web.clock.sleep(PUSH_S)
    (prediction,) = client.post("/predict", json=predict_body(pages_task())).json()["results"]
    shown = [region for region in prediction["result"] if region["item_index"] != 2]
    reader.records = (record(*shown, brush(page=2)),)
    client.post("/webhook", json=webhook("ANNOTATION_UPDATED"))
    prompts = web.stored.prompts(TASK, user="ann@example.org")
    assert [(p.frame_index, len(p.points), p.mask is not None) for p in prompts] == [(2, 0, True), (4, 1, False)]


def test_an_annotation_of_unchanged_masks_submits_no_job() -> None:
    reader = FakeReader()
    web = FakeWeb(label_studio=reader)
    client = web.client()
    client.post("/predict", json=predict_body(pages_task(), regions=[keypoint(page=4)]))
    web.clock.sleep(PUSH_S)
    (prediction,) = client.post("/predict", json=predict_body(pages_task())).json()["results"]
    reader.records = (record(*prediction["result"]),)
    before = web.stored.jobs()
    client.post("/webhook", json=webhook())
    assert web.stored.jobs() == before


def test_the_hinted_annotation_is_read_unless_it_was_cancelled() -> None:
    named = record(brush(page=1), annotation_id=11)
    later = record(brush(page=5), annotation_id=12)
    web = FakeWeb(label_studio=FakeReader((named, later)))
    web.client().post("/webhook", json=webhook())
    assert web.stored.prompts(TASK, user="ann@example.org").prompted_frames == (1,)
    skipped = FakeWeb(label_studio=FakeReader((record(brush(), cancelled=True),)))
    skipped.client().post("/webhook", json=webhook())
    assert skipped.stored.jobs() == ()


@pytest.mark.parametrize("error", [LabelStudioUnavailable("away"), NotFound("gone"), RuntimeError("surprise")])
def test_a_failed_hint_is_logged_and_the_next_one_followed(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    web = FakeWeb(label_studio=FakeReader((record(brush()),), errors=[error]))
    body = webhook("ANNOTATIONS_CREATED", annotation=[{"id": 1, "task": 7}, {"id": 2, "task": 8}])
    assert web.client().post("/webhook", json=body).status_code == 200
    assert [job.task.task_id for job in web.stored.jobs()] == [8]
    assert "task 1/7 is not adopted" in caplog.text


def test_a_webhook_lets_the_router_look_at_the_project() -> None:
    crowd = CrowdOfTest()
    router = crowd.router()
    router.sweep()
    assert router.schedules[1].next_s > crowd.parts.clock.monotonic_s()
    web = FakeWeb(label_studio=FakeReader())
    web.parts = replace(web.parts, router=router)
    web.client().post("/webhook", json=webhook())
    assert router.schedules[1].next_s == float("-inf")
    assert router.schedules[2].next_s > crowd.parts.clock.monotonic_s()


@pytest.mark.parametrize("action", ["ANNOTATIONS_DELETED", "PROJECT_UPDATED", ""])
def test_other_actions_are_ignored(action: str) -> None:
    reader = FakeReader((record(brush()),))
    reply = FakeWeb(label_studio=reader).client().post("/webhook", json={"action": action})
    assert (reply.status_code, reply.json()) == (200, {"status": "ignored", "action": action})
    assert reader.asked == []


def test_without_label_studio_webhooks_are_ignored_with_a_reason() -> None:
    reply = FakeWeb().client().post("/webhook", json=webhook())
    assert (reply.status_code, reply.json()["status"]) == (200, "ignored")
    assert "LABEL_STUDIO_URL" in reply.json()["reason"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": 3},
        {"action": "ANNOTATION_CREATED"},
        webhook(annotation=None),
        webhook(project={"id": "x"}),
        webhook(annotation={"id": 1}),
        webhook(annotation={"id": "x", "task": 7}),
    ],
)
def test_a_malformed_hint_is_refused(body: dict[str, object]) -> None:
    assert FakeWeb(label_studio=FakeReader()).client().post("/webhook", json=body).status_code == 400


def test_training_adopts_the_annotated_tasks() -> None:
    reader = FakeReader((record(brush()),))
    web = FakeWeb(label_studio=reader)
    body = {"project": "1.17", "annotations": [{"id": 7}, {"id": 7}, {"id": "x"}, 3], "label_config": FRAMES}
    reply = web.client().post("/train", json=body)
    assert (reply.status_code, reply.json()) == (201, {"status": "accepted", "tasks": ["1/7"]})
    assert [job.task for job in web.stored.jobs()] == [TASK]


@pytest.mark.parametrize("annotations", [None, [], ["x"]])
def test_training_without_annotations_is_reported(annotations: object) -> None:
    reply = FakeWeb().client().post("/train", json={"project": "1.17", "annotations": annotations})
    assert (reply.status_code, reply.json()["detail"]) == (
        400,
        "no annotations found: there is nothing to learn from",
    )


def test_a_changed_label_config_retries_the_project() -> None:
    web = FakeWeb()
    client = web.client()
    waiting = FailedTry(FailureKind.ADOPTION, "1/7", TaskKey(1, 7), Failures("NotFound", 3), next_try_s=9e9)
    for schema, next_try_s in ((FRAMES, 9e9), (FRAMES, 9e9), (VIDEO, web.clock.now_s())):
        web.stored.record_failure(waiting)
        assert client.post("/setup", json={"project": "1.1", "schema": schema}).status_code == 200
        assert [failed.next_try_s for failed in web.stored.failed_tries()] == [next_try_s]


def test_media_are_opened_in_the_name_of_the_task() -> None:
    """Whether the task has them is asked in its name."""
    web = FakeWeb()
    client = web.client()
    client.post("/predict", json=predict_body(pages_task()))
    web.work_off_all()
    client.post("/predict", json=predict_body(pages_task(), regions=[keypoint()]))
    assert set(web.media.tasks) == {TaskKey(1, 7)}
    web.media.tasks.clear()
    client.post("/predict", json=predict_body(video_task(), label_config=VIDEO, project="2.17", regions=[video_box()]))
    assert set(web.media.tasks) == {TaskKey(2, 8)}
