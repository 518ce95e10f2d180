"""The findings of `masklet doctor` per project: the source of annotations, and the remedy where there is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend.application.annotation.change_detection import record_project, record_webhook
from backend.application.ports.projects import BackendRecord, ProjectRecord
from backend.bootstrap.container import Container
from backend.bootstrap.doctor import (
    annotation_findings,
    findings,
    retries_finding,
    shown_version_findings,
    trouble_of_web,
)
from backend.bootstrap.finding import Verdict
from backend.domain.errors import LabelStudioRefused, MaskletError, NotFound
from backend.domain.retries import FailedTry, FailureKind
from backend.domain.tasks import TaskKey
from backend.settings import Settings
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.projects import MemoryProjects


@dataclass
class Projects:
    """A ProjectReader in which some projects cannot be read."""

    refused: dict[int, MaskletError] = field(default_factory=dict)

    def label_config(self, project_id: int) -> str:
        if project_id in self.refused:
            raise self.refused[project_id]
        return "<View/>"

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[object, ...]:
        assert (since, limit) == ("", 1)
        return ()


@contextmanager
def answering(status: int, body: object) -> Iterator[tuple[str, list[str | None]]]:
    """A web process's /health; yields its address and the logins of its requests."""
    logins: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            logins.append(self.headers["Authorization"] if self.path == "/health" else None)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", logins
    finally:
        server.shutdown()
        server.server_close()


def test_every_project_s_change_source_is_named() -> None:
    key_values = MemoryKeyValueStore()
    record_project(key_values, 3)
    record_webhook(key_values, 12, 1.0)
    assert [(f.subject, f.verdict, f.sentence) for f in annotation_findings(key_values, Projects(), "")] == [
        ("project 3", Verdict.OK, "submitted annotations are asked for (poll): no webhook has come in"),
        ("project 12", Verdict.OK, "submitted annotations are told of by webhook"),
    ]


def test_without_webhook_and_poll_the_remedy_is_named() -> None:
    key_values = MemoryKeyValueStore()
    record_project(key_values, 3)
    record_webhook(key_values, 12, 1.0)
    for finding in annotation_findings(key_values, Projects(), "no Masklet answers at http://here"):
        assert finding.verdict is Verdict.FAIL
        assert finding.sentence == "neither webhook nor poll is at work: no Masklet answers at http://here"
        assert "masklet up" in finding.remedy


def test_a_project_that_cannot_be_read_does_not_hide_the_others() -> None:
    key_values = MemoryKeyValueStore()
    record_project(key_values, 3)
    record_project(key_values, 4)
    refused, fine = annotation_findings(key_values, Projects({3: LabelStudioRefused("wrong token")}), "")
    assert (refused.verdict, fine.verdict) == (Verdict.FAIL, Verdict.OK)
    assert refused.sentence.endswith("cannot be read: wrong token")
    assert "token's user" in refused.remedy


def test_a_deleted_project_is_told_of_once() -> None:
    key_values = MemoryKeyValueStore()
    record_project(key_values, 3)
    record_project(key_values, 4)
    projects = Projects({3: NotFound("Label Studio has nothing there")})
    gone, _ = annotation_findings(key_values, projects, "")
    assert (gone.subject, gone.verdict) == ("project 3", Verdict.OK)
    assert gone.sentence.startswith("is not in Label Studio any more")
    assert [finding.subject for finding in annotation_findings(key_values, projects, "")] == ["project 4"]


def test_a_title_in_place_of_the_model_version_is_found() -> None:
    backend = BackendRecord(1, "http://here", "SAM", True, True, "", "masklet-demo-1")
    projects = MemoryProjects({n: ProjectRecord(n, "", "", "SAM" if n == 3 else "masklet-demo-1") for n in (3, 4)})
    projects.backends_of = {3: [backend], 4: [replace(backend, title="masklet-demo-1")]}
    (finding,) = shown_version_findings(projects, [3, 4, 5], "http://here", "masklet-demo-1")
    assert (finding.subject, finding.verdict) == ("project 3", Verdict.WARN)
    assert "predictions of 'SAM', a backend's title" in finding.sentence
    assert finding.remedy == "masklet connect 3 --config keep"


def test_no_project_is_connected() -> None:
    (finding,) = annotation_findings(MemoryKeyValueStore(), Projects(), "no Masklet answers at http://here")
    assert (finding.subject, finding.verdict) == ("annotations", Verdict.WARN)
    assert "Connect Model" in finding.remedy


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (200, {"annotations": {"3": "poll"}}, ""),
        (200, {"annotations": "not read: LABEL_STUDIO_URL is not set"}, "not read: LABEL_STUDIO_URL is not set"),
        (200, ["another server"], "no Masklet answers at {url}"),
        (401, {}, "no Masklet answers at {url}"),
    ],
)
def test_the_web_process_s_answer_is_reported(status: int, body: object, problem: str) -> None:
    with answering(status, body) as (url, logins):
        container = Container(Settings(basic_auth_user="ann", basic_auth_pass="secret"))
        assert trouble_of_web(container, url) == problem.format(url=url)
    assert logins == ["Basic YW5uOnNlY3JldA=="]
    assert trouble_of_web(container, url) == f"no Masklet answers at {url}"


def test_what_is_tried_again_is_shown() -> None:
    assert retries_finding({}, ()).verdict is Verdict.OK
    example = FailedTry(FailureKind.PUSH, "3/41 m", TaskKey(3, 41), reason="LabelStudioRefused: wrong token")
    waiting = retries_finding({(FailureKind.PUSH, "LabelStudioRefused", False): 8}, (example,))
    sentence = "tried again later: 8 push (LabelStudioRefused); for one: LabelStudioRefused: wrong token"
    assert (waiting.verdict, waiting.sentence) == (Verdict.WARN, sentence)
    given_up = retries_finding({(FailureKind.ADOPTION, "NotFound", True): 1}, ())
    assert given_up.verdict is Verdict.FAIL
    assert "masklet jobs retry" in given_up.remedy


@pytest.mark.parametrize(("setting", "shown"), [("auto", "float32"), ("bfloat16", "bfloat16"), ("int8", "int8")])
def test_the_precision_of_the_model_is_named(tmp_path: Path, setting: str, shown: str) -> None:
    container = Container(Settings(data_dir=tmp_path, model="demo", device="cpu", precision=setting))
    sentence = next(found.sentence for found in findings(container, backend_url="") if found.subject == "checkpoint")
    assert f" at 192 px in {shown}: the demo model" in sentence
