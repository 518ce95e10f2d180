"""The heartbeat of a process: what counts as a step, and what its supervisor reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from backend.adapters.queue.heartbeat_file import (
    AnswerWatch,
    ProcessHeartbeat,
    announce_start,
    is_overdue,
    read_heartbeat,
)
from backend.application.ports.progress import subscribed_to_work, work_moved
from backend.codecs.proc_stat import started_ticks


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_step_moves_the_heartbeat_that_others_read(tmp_path: Path) -> None:
    clock = Clock()
    heartbeat = ProcessHeartbeat(tmp_path / "folder" / "worker", bound_s=60.0, monotonic_s=clock)
    clock.now_s += 10.0
    with subscribed_to_work(heartbeat.moved):
        work_moved()
    clock.now_s += 5.0
    work_moved()
    read = read_heartbeat(tmp_path / "folder" / "worker")
    assert read is not None
    assert (read.pid, read.moved_s, read.bound_s) == (os.getpid(), 1010.0, 60.0)
    assert read.is_alive
    assert read.overdue_s(1070.5) == 0.5
    assert heartbeat.left_s == 55.0


def test_a_slow_machine_is_no_hang(tmp_path: Path) -> None:
    clock = Clock()
    heartbeat = ProcessHeartbeat(tmp_path / "worker", bound_s=60.0, monotonic_s=clock)
    clock.now_s += 50.0
    heartbeat.moved()
    assert heartbeat.bound_s == 150.0


def test_the_bound_of_the_load_ends_with_it(tmp_path: Path) -> None:
    clock = Clock()
    heartbeat = ProcessHeartbeat(tmp_path / "worker", bound_s=600.0, monotonic_s=clock)
    clock.now_s += 300.0
    heartbeat.allow(60.0)
    read = read_heartbeat(tmp_path / "worker")
    assert read is not None
    assert (read.moved_s, read.bound_s) == (1300.0, 60.0)


def test_a_process_that_never_starts_is_overdue(tmp_path: Path) -> None:
    announce_start(tmp_path / "web", bound_s=-1.0)
    assert is_overdue(tmp_path / "web")
    announce_start(tmp_path / "web", bound_s=60.0)
    assert not is_overdue(tmp_path / "web")


def test_a_start_is_announced_over_an_older_heartbeat(tmp_path: Path) -> None:
    path = tmp_path / "web"
    ProcessHeartbeat(path, bound_s=60.0)
    announce_start(path, bound_s=600.0)
    announced = read_heartbeat(path)
    assert announced is not None
    assert announced.bound_s == 600.0
    again = ProcessHeartbeat(path, bound_s=60.0)
    again.moved()
    read = read_heartbeat(path)
    assert read is not None
    assert (read.pid, read.bound_s) == (os.getpid(), 60.0)


def test_without_a_place_for_the_file_nothing_is_overdue(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    announce_start(tmp_path / "file" / "web", bound_s=-1.0)
    heartbeat = ProcessHeartbeat(tmp_path / "file" / "web", bound_s=60.0)
    heartbeat.moved()
    assert not is_overdue(tmp_path / "file" / "web")
    assert heartbeat.left_s > 0


def test_another_process_with_the_same_pid_is_another(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    try:
        assert started_ticks(child.pid) > 0
        path = tmp_path / "worker"
        ProcessHeartbeat(path, bound_s=60.0)
        read = read_heartbeat(path)
        assert read is not None
        assert read.started_ticks == started_ticks(os.getpid())
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert started_ticks(child.pid) == 0


def test_a_server_without_an_answer_is_overdue_after_its_bound() -> None:
    clock = Clock()
    answering = [True]
    watch = AnswerWatch(lambda: answering[0], bound_s=15.0, monotonic_s=clock)
    answering[0] = False
    clock.now_s += 15.0
    assert not watch.is_overdue()
    clock.now_s += 1.0
    assert watch.is_overdue()
    watch.reset()
    assert not watch.is_overdue()
    clock.now_s += 16.0
    answering[0] = True
    assert not watch.is_overdue()
