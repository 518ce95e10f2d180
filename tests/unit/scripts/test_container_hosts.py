"""`./scripts/containers test --hosts N`, without an engine: the document, the faults, and what counts as recovered."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey
from scripts.container_runs.__main__ import main
from scripts.container_runs.base_images import OBJECT_STORE, STAND_INS, base_image
from scripts.container_runs.engine import ContainersFailed, Engine
from scripts.container_runs.hosts import clips
from scripts.container_runs.hosts.faults import EARLIEST, LATEST, Fault, FaultRunner, planned_faults
from scripts.container_runs.hosts.layout import SETTINGS, SINGLE, WEBS, application_of, document, worker_names
from scripts.container_runs.hosts.recovery import Recoveries
from scripts.container_runs.stack import Stack
from tests.unit.scripts.test_containers import SERVICES

WORKERS = worker_names(3)
HOSTS: dict[str, dict[str, Any]] = document(SERVICES, workers=3, batch=Path("/somewhere/batch"))["services"]


def job(*, attempt: int, done: int, state: JobState = JobState.RUNNING, worker: str = "propagate-worker-1-7") -> Job:
    return Job("p-1", JobKind.PROPAGATE, TaskKey(1, 2), state, attempt, done=done, total=50, worker=worker)


def stack(tmp_path: Path, program: str = "true") -> Stack:
    return Stack(Engine("none", (program,), (program,)), tmp_path, lambda _: None)


def test_hosts_are_those_of_the_proof() -> None:
    services = {"label-studio", "postgres", "valkey", "s3"}
    assert set(HOSTS) == {*services, *WEBS, *WORKERS, SINGLE}
    assert all(host["hostname"] == name for name, host in HOSTS.items())


def test_no_two_hosts_share_a_disk() -> None:
    written = [
        volume.partition(":")[0] for host in HOSTS.values() for volume in host["volumes"] if not volume.endswith(":ro")
    ]
    assert max(Counter(written).values()) == 1


def test_the_document_builds_nothing_and_names_its_files_in_full(tmp_path: Path) -> None:
    application = application_of(tmp_path, workers=2, batch=tmp_path)
    written = yaml.safe_load(application.document.read_text())
    assert not any("build" in host or "profiles" in host for host in written["services"].values())
    bound = [
        v
        for host in written["services"].values()
        for v in host["volumes"]
        if v.partition(":")[0] not in written["volumes"]
    ]
    assert bound
    assert not [volume for volume in bound if volume.startswith(".") or ":-./" in volume]


def test_each_service_of_the_cluster_can_be_cut_off_from_one_host() -> None:
    assert HOSTS["postgres"]["networks"] == ["ledger"]
    assert HOSTS["s3"]["networks"] == ["store"]
    for name in (*WEBS, *WORKERS):
        assert set(HOSTS[name]["networks"]) == {"default", "ledger", "store"}
    assert set(HOSTS[SINGLE]["networks"]) == {"default"}


def test_the_single_machine_has_neither_ledger_nor_store_of_others() -> None:
    assert not {"DATABASE_URL", "REDIS_URL", "MASKLET_STORE_URL"} & set(HOSTS[SINGLE]["environment"])
    assert HOSTS[SINGLE]["environment"]["MASKLET_THREADS"] == HOSTS["worker-1"]["environment"]["MASKLET_THREADS"]


def test_variables_are_those_of_the_shipped_document() -> None:
    used = json.dumps(SERVICES["web"])
    assert not [name for name in SETTINGS if f"${{{name}" not in used]


def test_the_object_store_is_made_from_the_base_image() -> None:
    text = (STAND_INS / OBJECT_STORE.folder / "Dockerfile").read_text()
    assert text.splitlines()[1] == f"FROM {base_image()}"
    assert "EXPOSE 9000" in text
    assert SETTINGS["AWS_ENDPOINT_URL"].endswith(":9000")


def test_every_kind_of_fault_comes_once_in_the_order_of_the_seed(tmp_path: Path) -> None:
    faults = planned_faults(stack(tmp_path), WORKERS, random.Random(5))
    again = planned_faults(stack(tmp_path), WORKERS, random.Random(5))
    assert [(each.service, each.name, each.at) for each in faults] == [(e.service, e.name, e.at) for e in again]
    assert all(EARLIEST <= one.at <= two.at <= LATEST for one, two in pairwise(faults))
    kinds = Counter("worker" if each.is_of_worker else each.service for each in faults)
    assert kinds["worker"] == 5
    assert sum(kinds[web] for web in WEBS) == kinds["postgres"] == kinds["valkey"] == kinds["s3"] == 1


def test_faults_of_a_service_wait_for_each_other() -> None:
    said: list[str] = []
    made: list[str] = []
    first = Fault("paused", "worker-1", lambda: made.append("pause"), lambda: made.append("unpause"), 60.0, at=0.1)
    second = Fault("killed", "worker-1", lambda: made.append("kill"), at=0.1)
    runner = FaultRunner([first, second], said.append, lambda fault: None)
    runner.advance(0.05)
    assert not said
    runner.advance(0.2)
    runner.advance(0.3)
    assert said == ["20% done: worker-1 paused for 60 s"]
    with pytest.raises(ContainersFailed, match="worker-1 was not killed: the batch ended"):
        runner.end()
    assert made == ["pause", "unpause"], "what is broken is mended at the end"


def test_a_fault_that_was_not_made_is_told(tmp_path: Path) -> None:
    faults = planned_faults(stack(tmp_path, "false"), WORKERS, random.Random(1))
    runner = FaultRunner(faults, lambda _: None, lambda fault: None)
    while any(fault.ended_s is None for fault in faults):
        runner.advance(1.0)
    with pytest.raises(ContainersFailed) as raised:
        runner.end()
    assert all(fault.service in str(raised.value) for fault in faults)


def test_a_job_has_recovered_once_another_attempt_is_further() -> None:
    recoveries = Recoveries()
    fault = Fault("killed", "worker-1", lambda: None)
    recoveries.begin(fault, [job(attempt=1, done=20), job(attempt=1, done=9, worker="propagate-worker-2-7")])
    for now in (
        job(attempt=1, done=30),
        job(attempt=2, done=0),
        job(attempt=2, done=20, worker="propagate-worker-2-7"),
    ):
        recoveries.look([now])
        assert [each.seconds for each in recoveries.found] == [None]
    recoveries.look([job(attempt=2, done=21, worker="propagate-worker-2-7")])
    (found,) = recoveries.found
    assert found.seconds is not None
    assert (found.service, found.fault, found.job) == ("worker-1", "killed", "p-1")


def test_faults_of_services_lose_no_worker() -> None:
    recoveries = Recoveries()
    recoveries.begin(Fault("restarted", "postgres", lambda: None), [job(attempt=1, done=2)])
    assert not recoveries.found


def test_the_batch_is_made_once_with_boxes_around_its_objects(tmp_path: Path) -> None:
    batch = clips.prepare_batch(tmp_path, clips=2, frames=16)
    videos = sorted((batch / "clips").iterdir())
    assert [path.name for path in videos] == ["000.mp4", "001.mp4"]
    before = [path.stat().st_mtime_ns for path in videos]
    clips.prepare_batch(tmp_path, clips=2, frames=16)
    assert [path.stat().st_mtime_ns for path in videos] == before
    first, second = (json.loads((batch / "prompts" / f"00{n}.json").read_text())["objects"] for n in (0, 1))
    assert first != second
    boxes = np.asarray([each["prompts"][0]["box"] for each in (*first, *second)])
    assert boxes.shape == (2 * clips.OBJECTS, 4)
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert boxes.min() >= 0
    assert boxes.max() <= 1


def test_too_few_hosts_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("scripts.container_runs.__main__._engine", lambda: Engine("none", ("false",), ("false",)))
    monkeypatch.setattr("sys.argv", ["containers", "test", "--hosts", "2"])
    with pytest.raises(SystemExit):
        main()
    assert "--hosts 2: at least 3" in capsys.readouterr().err
