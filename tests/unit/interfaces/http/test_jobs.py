"""Jobs over HTTP."""

from __future__ import annotations

import pytest

from backend.domain.errors import MediaError
from backend.domain.jobs import JobState
from backend.domain.tasks import TaskKey
from tests.fakes.web import FRAMES, MODEL, VIDEO, FakeWeb, pages_task, video_task

PROMPTS = {"objects": [{"id": "c", "label": "Cat", "prompts": [{"frame": 1, "points": [[0.5, 0.5, 1]]}]}]}


def job_body(**fields: object) -> dict[str, object]:
    return {
        "project": 1,
        "task": 7,
        "label_config": FRAMES,
        "data": pages_task()["data"],
        "prompts": PROMPTS,
        **fields,
    }


def test_a_job_is_accepted_polled_and_done() -> None:
    web = FakeWeb()
    client = web.client()
    accepted = client.post("/jobs", json=job_body())
    assert accepted.status_code == 202
    job = accepted.json()
    assert (job["task"], job["kind"], job["state"], job["attempt"]) == ("1/7", "propagate", "queued", 1)
    assert (job["done"], job["reason"], job["model_version"]) == (0, "", MODEL.version)
    assert client.get(f"/jobs/{job['job_id']}?project=1").json()["uncertainty"] is None
    web.work_off()
    done = client.get(f"/jobs/{job['job_id']}?project=1").json()
    assert (done["state"], done["done"], done["total"]) == ("done", 10, 10)
    assert set(done["timings_s"]) == {"wait", "fetch", "model", "encode", "store"}
    assert len(done["uncertainty"]) == 10
    assert all(0 < uncertainty < 1 for uncertainty in done["uncertainty"])
    assert done["prediction_id"] is None
    web.parts.reconciler.sweep()
    assert client.get(f"/jobs/{job['job_id']}?project=1").json()["prediction_id"] == 707


def test_two_equal_requests_are_one_job() -> None:
    web = FakeWeb()
    client = web.client()
    first, second = (client.post("/jobs", json=job_body(project=project)).json() for project in (1, "1.17"))
    assert first == second
    assert [job["job_id"] for job in client.get("/jobs").json()["jobs"]] == [first["job_id"]]


def test_scope_all_recomputes_every_frame() -> None:
    web = FakeWeb()
    client = web.client()
    made: list[int] = []
    web.segmenter.on_frame = made.append
    for fields, expected in (({}, 10), ({"label_config": FRAMES + " "}, 0), ({"scope": "all"}, 10)):
        made.clear()
        job = client.post("/jobs", json=job_body(**fields)).json()
        web.work_off()
        document = client.get(f"/jobs/{job['job_id']}?project=1").json()
        assert (document["state"], document["done"], document["total"], len(made)) == (
            "done",
            expected,
            expected,
            expected,
        )
        assert len(document["uncertainty"]) == 10


def test_another_scope_is_refused_with_the_choices() -> None:
    refused = FakeWeb().client().post("/jobs", json=job_body(scope="some"))
    assert refused.status_code == 400
    assert "invalid field 'scope': it must be among onward, around, all" in refused.text


def test_a_failed_job_has_its_reason() -> None:
    web = FakeWeb()
    web.media.error = MediaError("the file is a web page")
    client = web.client()
    job = client.post("/jobs", json=job_body()).json()
    web.work_off()
    document = client.get(f"/jobs/{job['job_id']}?project=1").json()
    assert (document["state"], document["reason"]) == ("failed", "MediaError: the file is a web page")


def test_a_cancelled_job_stays_cancelled() -> None:
    web = FakeWeb()
    client = web.client()
    job = client.post("/jobs", json=job_body()).json()
    cancelled = client.post(f"/jobs/{job['job_id']}/cancel?project=1", json={})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    web.work_off()
    assert client.get(f"/jobs/{job['job_id']}?project=1").json()["state"] == "cancelled"


def test_jobs_are_listed_newest_first_by_task_and_state() -> None:
    web = FakeWeb()
    client = web.client()
    old = client.post("/jobs", json=job_body()).json()["job_id"]
    new = client.post("/jobs", json=job_body(project=2)).json()["job_id"]

    def listed(query: str) -> list[str]:
        return [job["job_id"] for job in client.get(f"/jobs?{query}").json()["jobs"]]

    assert listed("") == [new, old]
    assert listed("task=1/7") == [old]
    assert listed("project=2") == [new]
    assert listed("kind=propagate") == [new, old]
    assert listed("kind=interactive") == []
    assert listed("limit=1") == [new]
    assert listed("limit=0") == [new]
    assert listed("state=done,failed") == []
    assert listed("state=queued") == [new, old]


def test_an_unknown_kind_is_refused() -> None:
    reply = FakeWeb().client().get("/jobs?kind=session")
    assert (reply.status_code, "'kind'" in reply.json()["detail"]) == (400, True)


JSON = {"Content-Type": "application/json"}
ONE_JOB = [("GET", "/jobs/{}"), ("POST", "/jobs/{}/cancel")]


@pytest.mark.parametrize(("method", "path"), ONE_JOB)
@pytest.mark.parametrize("project", ["2", "0", "2147483647"])
def test_another_projects_job_reads_as_unknown(method: str, path: str, project: str) -> None:
    web = FakeWeb()
    client = web.client()
    job = client.post("/jobs", json=job_body()).json()
    refused = client.request(method, path.format(job["job_id"]), params={"project": project}, headers=JSON)
    unknown = client.request(method, path.format("p-nothing"), params={"project": project}, headers=JSON)
    assert (refused.status_code, unknown.status_code) == (404, 404)
    assert refused.json()["detail"].replace(job["job_id"], "p-nothing") == unknown.json()["detail"]
    assert client.get(f"/jobs/{job['job_id']}?project=1").json()["state"] == "queued"


@pytest.mark.parametrize(("method", "path"), ONE_JOB)
@pytest.mark.parametrize(
    "query", ["", "?project=", "?project=x", "?project=-1", "?project=1.5", "?project=" + "9" * 28]
)
def test_a_job_is_not_shown_without_its_project(method: str, path: str, query: str) -> None:
    web = FakeWeb()
    client = web.client()
    job = client.post("/jobs", json=job_body()).json()
    refused = client.request(method, path.format(job["job_id"]) + query, headers=JSON)
    assert (refused.status_code, "project" in refused.json()["detail"]) == (400, True)
    assert web.stored.job(job["job_id"]).state is JobState.QUEUED


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"project": 0}, "'project'"),
        ({"project": "x"}, "'project'"),
        ({"task": "7"}, "'task'"),
        ({"task": True}, "'task'"),
        ({"label_config": 3}, "'label_config'"),
        ({"label_config": "<View/>"}, "<Video> or <Image>"),
        ({"data": []}, "'data'"),
        ({"data": {}}, "data.frames"),
        ({"prompts": None}, "prompt file"),
        ({"prompts": {"objects": []}}, "objects"),
        (
            {"prompts": {"objects": [{"id": "c", "label": "Cat", "prompts": [{"frame": 0, "mask": "/etc/passwd"}]}]}},
            "task data",
        ),
        (
            {"prompts": {"objects": [{"id": "c", "label": "Cow", "prompts": [{"frame": 0, "points": [[0, 0]]}]}]}},
            "'Cow'",
        ),
        (
            {"prompts": {"objects": [{"id": "c", "label": "Cat", "prompts": [{"frame": 0, "points": [[9, 0]]}]}]}},
            "coordinate x",
        ),
    ],
)
def test_an_invalid_job_is_refused(fields: dict[str, object], words: str) -> None:
    web = FakeWeb()
    reply = web.client().post("/jobs", json=job_body(**fields))
    assert (reply.status_code, words in reply.json()["detail"]) == (400, True), reply.text
    assert web.stored.jobs() == ()


def prompts_on(frame: int) -> dict[str, object]:
    return {"objects": [{"id": "c", "label": "Cat", "prompts": [{"frame": frame, "points": [[0.5, 0.5, 1]]}]}]}


@pytest.mark.parametrize("is_video", [False, True])
def test_bad_prompts_do_not_replace_good_ones(is_video: bool) -> None:
    """A video is opened first; pages are counted."""
    web = FakeWeb()
    fields = {"label_config": VIDEO, "data": video_task()["data"]} if is_video else {}
    assert web.client().post("/jobs", json=job_body(**fields, prompts=prompts_on(1))).status_code == 202
    refused = web.client().post("/jobs", json=job_body(**fields, prompts=prompts_on(10)))
    assert refused.status_code == 400
    assert "frame 10 is not in the video: it has 10 frames" in refused.json()["detail"]
    assert web.stored.prompts(TaskKey(1, 7)).prompted_frames == (1,)


def test_before_any_worker_announces_a_job_is_refused() -> None:
    web = FakeWeb()
    web.models.model = None
    assert web.client().post("/jobs", json=job_body()).status_code == 503
    assert web.stored.jobs() == ()
