"""Faults of an S3-compatible store over a real socket: what they are called, the start-up check, jobs that go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.adapters.store.masks.store import FileMaskStore, ObjectMaskStore
from backend.adapters.store.objects.s3 import S3Objects
from backend.adapters.store.objects.shared import SharedStore
from backend.domain.errors import (
    InvalidInput,
    NotFound,
    ServiceUnavailable,
    StorageFull,
    StoreRefused,
    StoreUnavailable,
)
from backend.domain.jobs import JobState
from tests.fakes.servers.object_store import (
    BUCKET,
    CUT,
    LOST,
    Fault,
    FaultyServer,
    Reply,
    point_at,
)
from tests.integration.store.builders import CAT, LABELS, VIDEO, frame, indices, write
from tests.unit.application.worker.test_propagate import TWO, UNINTERRUPTED, Worker

EXPIRED = Reply(400, "ExpiredToken")
SKEWED = Reply(403, "RequestTimeTooSkewed")
FAULTS = [
    (Reply(503, "SlowDown"), StoreUnavailable, "it answers 503 SlowDown; Masklet tries again"),
    (Reply(500, "InternalError"), StoreUnavailable, "it answers 500 InternalError"),
    (Reply(507, "XMinioStorageFull"), StorageFull, "no space is left in the store s3://"),
    (EXPIRED, StoreRefused, "the credentials have expired; set AWS_ACCESS_KEY_ID"),
    (SKEWED, StoreRefused, r"clock and the store's differ by minutes; set the clock \(NTP\)"),
    (Reply(403, "AccessDenied"), StoreRefused, "allow s3:ListBucket on the bucket"),
    (Reply(403, "SignatureDoesNotMatch"), StoreRefused, "the secret key is not the access key's"),
    (Reply(404, "NoSuchBucket"), StoreRefused, "there is no such bucket; make it, or name another"),
    (Reply(301, "PermanentRedirect"), StoreRefused, "in another region; set AWS_REGION"),
    (CUT, StoreUnavailable, "it does not answer; Masklet tries again. Check AWS_ENDPOINT_URL"),
]


class TestFaults:
    @pytest.mark.parametrize(("fault", "kind", "message"), FAULTS)
    def test_each_names_the_store_and_a_way_out(
        self,
        store: ObjectMaskStore,
        server: FaultyServer,
        fault: Fault,
        kind: type[ServiceUnavailable],
        message: str,
    ) -> None:
        write(store)
        server.always(fault)
        with pytest.raises(kind, match=message) as read:
            store.read("run")
        with pytest.raises(kind, match=message):
            write(store, "other")
        assert "AKIDMASKLET" not in str(read.value)
        server.never()
        assert indices(store) == list(range(100))
        with pytest.raises(NotFound):
            store.read("other")

    def test_a_port_without_a_server_is_told(self, shared: SharedStore, monkeypatch: pytest.MonkeyPatch) -> None:
        nobody = point_at(1, monkeypatch, "x")
        with pytest.raises(StoreUnavailable, match="it does not answer"):
            nobody.check()

    @pytest.mark.parametrize("fault", [Reply(503, "SlowDown"), CUT, LOST, 0.3])
    @pytest.mark.parametrize("part", ["manifest", "header", "000001"])
    def test_one_bad_answer_changes_nothing(
        self, store: ObjectMaskStore, server: FaultyServer, fault: Fault, part: str
    ) -> None:
        server.first(1, fault, part=part)
        write(store)
        assert indices(store) == list(range(100))
        assert len(store.objects.names("run")) == 4

    def test_an_answer_that_never_comes_ends_in_time(self, store: ObjectMaskStore, server: FaultyServer) -> None:
        write(store)
        server.first(10, 5.0, method="GET")
        with pytest.raises(StoreUnavailable, match="it does not answer"):
            store.read("run")

    def test_a_writer_that_meets_an_outage_leaves_no_torn_run(
        self, store: ObjectMaskStore, server: FaultyServer
    ) -> None:
        def write_into_an_outage() -> None:
            with store.writer("run", video=VIDEO, labels=LABELS) as writer:
                for index in range(100):
                    writer.append(CAT, frame(index))
                server.always(Reply(503, "SlowDown"))
                writer.commit()

        with pytest.raises(StoreUnavailable):
            write_into_an_outage()
        store.remove("run")  # in the outage still: logged, and left to the sweep
        server.never()
        with pytest.raises(NotFound):
            store.read("run")
        write(store)
        assert indices(store) == list(range(100))


class TestCheck:
    def test_a_good_store_passes_and_keeps_nothing(self, shared: SharedStore) -> None:
        shared.check()
        assert shared.objects("check").folders() == ()

    def test_a_store_without_conditional_writes_is_refused(self, shared: SharedStore, server: FaultyServer) -> None:
        server.drops_conditions = True
        with pytest.raises(StoreRefused, match="does not keep conditional writes"):
            shared.check()

    @pytest.mark.parametrize(
        "url",
        [
            "s3://",
            "s3:///prefix",
            "gs://bucket",
            "/data/masks",
            "s3://u:p@bucket/x",
            "s3://bucket/a b",
            "s3://bucket/../x",
        ],
    )
    def test_what_is_no_address_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidInput, match="must be s3://BUCKET/PREFIX"):
            SharedStore.of(url, allows_http=False)

    def test_http_needs_to_be_meant(self, shared: SharedStore) -> None:
        with pytest.raises(StoreRefused, match="set AWS_ALLOW_HTTP=true"):
            SharedStore.of(f"s3://{BUCKET}/x", allows_http=False).check()


class TestJobs:
    def test_a_propagations_masks_are_those_of_files(self, store: ObjectMaskStore) -> None:
        assert Worker(masks=store).made(TWO) == UNINTERRUPTED

    def test_after_kills_the_masks_are_the_same(self, store: ObjectMaskStore) -> None:
        worker = Worker(masks=store)
        job = worker.submit(TWO)
        for on in (4, 7):
            worker.attempt_and_kill(job.job_id, on)
        done = worker.attempt(job.job_id)
        assert (done.state, done.attempt) == (JobState.DONE, 3)
        assert store.read(done.masks_run) == UNINTERRUPTED
        assert store.runs() == (done.masks_run,)

    @pytest.mark.parametrize("fault", [Reply(503, "SlowDown"), EXPIRED, SKEWED, CUT])
    def test_a_job_that_meets_an_outage_is_tried_again(
        self, store: ObjectMaskStore, server: FaultyServer, fault: Fault
    ) -> None:
        worker = Worker(masks=store)
        job = worker.submit(TWO)

        frames = 0

        def cut_off(_: int) -> None:
            nonlocal frames
            frames += 1
            if frames == 8:
                server.always(fault)

        worker.engine.on_frame = cut_off
        waiting = worker.attempt(job.job_id)
        assert (waiting.state, waiting.attempt) == (JobState.QUEUED, 2)
        assert "the store s3://" in waiting.reason
        server.never()
        worker.engine.on_frame = lambda _: None
        worker.clock.jump_wall(3600.0)
        done = worker.attempt(job.job_id)
        assert done.state is JobState.DONE, done.reason
        assert store.read(done.masks_run) == UNINTERRUPTED

    def test_files_that_were_copied_into_the_store_are_read(
        self, store: ObjectMaskStore, shared: SharedStore, folder: Path, tmp_path: Path
    ) -> None:
        write(FileMaskStore(tmp_path), frames=130)
        with FileMaskStore(tmp_path).writer("old", video=VIDEO, labels=LABELS) as killed:
            killed.append(CAT, frame(0))
            killed.snapshot(b"state")
        shutil.copytree(tmp_path, folder / shared.url.removeprefix("s3://") / "masks")
        assert store.read("run") == FileMaskStore(tmp_path).read("run")
        assert store.snapshot("old") == b"state"
        with store.writer("new", video=VIDEO, labels=LABELS, resume="old") as writer:
            writer.append(CAT, frame(1))
            writer.commit()
        assert indices(store, "new") == [0, 1]

    def test_runs_of_files_and_of_the_store_hold_the_same(self, store: ObjectMaskStore, tmp_path: Path) -> None:
        files = FileMaskStore(tmp_path)
        for each in (files, store):
            write(each, frames=130)
        assert files.read("run") == store.read("run")
        assert files.coverage("run") == store.coverage("run")
        assert list(files.records("run", 100)) == list(store.records("run", 100))
        assert isinstance(store.objects, S3Objects)
