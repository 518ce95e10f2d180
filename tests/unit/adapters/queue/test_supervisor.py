"""The supervisor with real small processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.queue.process_spec import Exit, ProcessSpec
from backend.adapters.queue.supervisor import Supervisor
from backend.domain.errors import ServiceUnavailable
from tests.fakes.eventually import eventually
from tests.unit.adapters.queue.processes import is_alive

SLEEP = (sys.executable, "-S", "-c", "import time; time.sleep(600)")


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", text)


class Run:
    """Supervisors of one test, stopped at its end, and their reported exits."""

    def __init__(self) -> None:
        self.exits: list[Exit] = []
        self._supervisors: list[Supervisor] = []

    def of(self, *specs: ProcessSpec, hang_check_s: float = 5.0) -> Supervisor:
        supervisor = Supervisor(specs, self.exits.append, hang_check_s=hang_check_s)
        self._supervisors.append(supervisor)
        return supervisor

    def end(self) -> None:
        for supervisor in self._supervisors:
            supervisor.stop()


@pytest.fixture
def run() -> Iterator[Run]:
    started = Run()
    yield started
    started.end()


def test_a_dead_process_is_reported_and_restarted(run: Run) -> None:
    supervisor = run.of(ProcessSpec("a", SLEEP), ProcessSpec("b", SLEEP))
    supervisor.start()
    first = supervisor.pids
    os.kill(first["a"], signal.SIGKILL)
    eventually(lambda: supervisor.pids.get("a", first["a"]) != first["a"], each=supervisor.watch)
    assert run.exits == [Exit("a", first["a"], -signal.SIGKILL)]
    assert supervisor.pids["b"] == first["b"]
    assert is_alive(supervisor.pids["a"])


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_processes_that_name_imports_are_forked_from_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waits.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "a.log"
    forked = (sys.executable, "-m", "waits")
    supervisor = run.of(
        ProcessSpec("a", forked, imports=("json",), log=log), ProcessSpec("b", forked, imports=("decimal",)),
        ProcessSpec("c", SLEEP),
    )  # fmt: skip
    supervisor.start()
    first = supervisor.pids

    def parent_of(name: str) -> int:
        return int(Path(f"/proc/{supervisor.pids[name]}/stat").read_text().rpartition(")")[2].split()[1])

    server = parent_of("a")
    assert parent_of("b") == server != parent_of("c") == os.getpid()
    eventually(lambda: log.exists() and log.read_text() == f"{first['a']}\n")
    os.kill(first["a"], signal.SIGKILL)
    eventually(lambda: supervisor.pids.get("a", first["a"]) != first["a"], each=supervisor.watch)
    assert run.exits == [Exit("a", first["a"], -signal.SIGKILL)]
    os.kill(server, signal.SIGKILL)
    eventually(lambda: len(run.exits) == 3 and len(supervisor.pids) == 3, each=supervisor.watch)
    assert {each.code for each in run.exits} == {-signal.SIGKILL}
    assert parent_of("a") == parent_of("b") != server
    pids = [*supervisor.pids.values(), parent_of("a")]
    supervisor.stop()
    assert not any(is_alive(pid) for pid in pids)


def test_a_process_that_ends_is_restarted_with_growing_pauses(run: Run) -> None:
    supervisor = run.of(ProcessSpec("a", script("raise SystemExit(3)")))
    supervisor.start()
    eventually(lambda: len(run.exits) >= 3, each=supervisor.watch)
    assert {(exited.name, exited.code) for exited in run.exits} == {("a", 3)}
    assert len({exited.pid for exited in run.exits}) == len(run.exits)


def test_a_failed_callback_does_not_stop_the_supervisor() -> None:
    def fail(_: Exit) -> None:
        raise RuntimeError("the ledger is away")

    supervisor = Supervisor([ProcessSpec("a", SLEEP)], fail)
    supervisor.start()
    try:
        first = supervisor.pids["a"]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: supervisor.pids.get("a", first) != first, each=supervisor.watch)
    finally:
        supervisor.stop()


def test_processes_stop_in_order_highest_tier_first(run: Run, tmp_path: Path) -> None:
    text = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(tmp_path / 'ends')!r}, 'a').write(sys.argv[1]); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(tmp_path)!r} + '/up-' + sys.argv[1], 'w')\n"
        "time.sleep(600)"
    )
    specs = [
        ProcessSpec(name, (*script(text), name), tier=tier, is_ready=(tmp_path / f"up-{name}").exists, grace_s=60.0)
        for name, tier in (("w", 1), ("q", 0))
    ]
    supervisor = run.of(*specs)
    supervisor.start()
    pids = supervisor.pids
    assert list(pids) == ["q", "w"]
    supervisor.stop()
    assert (tmp_path / "ends").read_text() == "wq"
    assert [(exited.name, exited.code) for exited in run.exits] == [("w", 0), ("q", 0)]
    assert not any(is_alive(pid) for pid in pids.values())
    assert supervisor.pids == {}


def test_stopping_kills_a_stubborn_process_and_its_children(run: Run, tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    text = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', "
        "'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'])\n"
        f"open({str(pid_file)!r} + '.tmp', 'w').write(str(child.pid))\n"
        f"os.rename({str(pid_file)!r} + '.tmp', {str(pid_file)!r})\n"
        "time.sleep(600)"
    )
    supervisor = run.of(ProcessSpec("stubborn", script(text), grace_s=0.2, is_ready=pid_file.exists))
    supervisor.start()
    pids = [supervisor.pids["stubborn"], int(pid_file.read_text())]
    assert all(is_alive(pid) for pid in pids)
    supervisor.stop()
    assert run.exits == [Exit("stubborn", pids[0], -signal.SIGKILL)]
    eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_a_hung_process_is_killed_and_restarted(run: Run) -> None:
    hung = [False, True, False]
    supervisor = run.of(ProcessSpec("a", SLEEP, is_hung=lambda: hung.pop(0) if hung else False), hang_check_s=0.01)
    supervisor.start()
    first = supervisor.pids["a"]
    eventually(lambda: supervisor.pids.get("a", first) != first, each=supervisor.watch)
    assert run.exits == [Exit("a", first, -signal.SIGKILL)]


def test_a_process_that_ends_while_starting_stops_the_others(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "b.log"
    supervisor = run.of(
        ProcessSpec("a", SLEEP),
        ProcessSpec("b", script("print('no such port'); raise SystemExit(4)"), tier=1, is_ready=lambda: False, log=log),
    )
    with pytest.raises(ServiceUnavailable, match=rf"b ended with code 4 as it started: no such port \(log: {log}\)"):
        supervisor.start()
    assert supervisor.pids == {}
    assert {exited.name for exited in run.exits} == {"a", "b"}
    assert log.read_text() == "no such port\n"


def test_a_process_that_never_gets_ready_is_given_up(run: Run) -> None:
    supervisor = run.of(ProcessSpec("a", SLEEP, is_ready=lambda: False, ready_s=0.05))
    with pytest.raises(ServiceUnavailable, match=r"a was not ready after 0\.05 s"):
        supervisor.start()
    assert supervisor.pids == {}


def test_a_missing_command_is_named_in_the_log(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    supervisor = run.of(ProcessSpec("a", ("/no/such/command",), is_ready=lambda: False, log=log))
    with pytest.raises(ServiceUnavailable, match="a ended with code 127"):
        supervisor.start()
    assert log.read_text() == "/no/such/command: No such file or directory\n"


def test_prepare_runs_before_every_start_and_may_fail(run: Run) -> None:
    calls: list[int] = []

    def prepare() -> None:
        calls.append(len(calls))
        if len(calls) == 2:
            raise ServiceUnavailable("not yet")

    supervisor = run.of(ProcessSpec("a", SLEEP, prepare=prepare))
    supervisor.start()
    first = supervisor.pids["a"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.pids.get("a", first) != first, each=supervisor.watch)
    assert calls == [0, 1, 2]


def test_the_environment_is_added_to_the_supervisors(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    text = "import os, time; print(os.environ['MASKLET_X'], 'PATH' in os.environ, flush=True); time.sleep(600)"
    supervisor = run.of(
        ProcessSpec("a", script(text), env={"MASKLET_X": "7"}, log=log, is_ready=lambda: b"\n" in log.read_bytes())
    )
    supervisor.start()
    assert log.read_text() == "7 True\n"


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="names must be unique"):
        Supervisor([ProcessSpec("a", SLEEP), ProcessSpec("a", SLEEP)], print)


def test_run_stops_all_on_request(run: Run) -> None:
    supervisor = run.of(ProcessSpec("a", SLEEP))
    supervisor.start()
    pid = supervisor.pids["a"]
    rounds = iter([False, False, True])
    supervisor.run(lambda: next(rounds))
    assert supervisor.pids == {}
    assert not is_alive(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the parent's death to a child")
def test_a_killed_supervisor_leaves_no_process() -> None:
    text = (
        "import sys, time\n"
        "from backend.adapters.queue.supervisor import ProcessSpec, Supervisor\n"
        f"s = Supervisor([ProcessSpec('a', {SLEEP!r}), ProcessSpec('b', {SLEEP!r})], print)\n"
        "s.start()\n"
        "print(*s.pids.values(), flush=True)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, cwd=Path(__file__).parents[4])
    assert parent.stdout is not None
    with parent, parent.stdout:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_alive(pid) for pid in pids)
        parent.kill()
    eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_a_process_runs_only_while_it_is_wanted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.adapters.queue.supervisor.WANTED_CHECK_S", 0.0)
    wanted: list[bool] = []
    ends = ProcessSpec("train", script("pass"), is_wanted=lambda: bool(wanted))
    supervisor = run.of(ProcessSpec("a", SLEEP), ends)
    supervisor.start()
    supervisor.watch()
    assert list(supervisor.pids) == ["a"]
    wanted.append(True)
    eventually(lambda: [each.name for each in run.exits] == ["train"], each=supervisor.watch)
    wanted.clear()
    time.sleep(0.3)
    for _ in range(5):
        supervisor.watch()
    assert list(supervisor.pids) == ["a"]
