"""The fork server with real small processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.queue.fork_server import ForkedProcess, ForkServer
from backend.domain.errors import ServiceUnavailable
from tests.fakes.eventually import eventually
from tests.unit.adapters.queue.processes import is_alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")

SHARED = "import os\nopen(os.environ['FORKS_IMPORTED'], 'a').write(f'{os.getpid()}\\n')\n"
"""A module that records its import."""

RUN = """
import atexit, os, sys, threading, time
import forks_shared
print(sys.argv[1:], sys.orig_argv[1:], __name__, os.environ['FORKS_NAME'], os.getsid(0) == os.getpid(), flush=True)
atexit.register(print, 'exit functions ran')
what = sys.argv[1]
if what == 'exit':
    sys.exit(int(sys.argv[2]))
if what == 'words':
    sys.exit('no such thing')
if what == 'raise':
    raise ValueError('a fault')
if what == 'thread':
    threading.Thread(target=lambda: (time.sleep(0.2), print('the thread ended'))).start()
if what == 'sleep':
    time.sleep(600)
"""


class Forks:
    """A fork server, the log of its processes, and the imports of the shared module."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "forks_shared.py").write_text(SHARED)
        (folder / "forks_run.py").write_text(RUN)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setenv("FORKS_IMPORTED", str(folder / "imported"))
        self.folder, self.log = folder, folder / "log"
        self.server = ForkServer(["forks_shared"])

    def start(self, *words: str, module: str = "forks_run", name: str = "a") -> ForkedProcess:
        with self.log.open("ab") as output:
            argv = (sys.executable, "-m", module, *words)
            return self.server.start(argv, env={"FORKS_NAME": name}, output=output)

    def output(self, *words: str) -> tuple[int, list[str]]:
        """The exit code of a process and the lines of its output."""
        code = self.start(*words).wait(60.0)
        return code, self.log.read_text().splitlines()

    @property
    def imported_by(self) -> list[int]:
        return [int(line) for line in (self.folder / "imported").read_text().split()]


@pytest.fixture
def forks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forks]:
    made = Forks(tmp_path, monkeypatch)
    yield made
    made.server.stop()


def test_a_process_is_what_the_interpreter_would_start(forks: Forks) -> None:
    code, lines = forks.output("exit", "3")
    argv = ["-m", "forks_run", "exit", "3"]
    assert (code, lines) == (3, [f"['exit', '3'] {argv} __main__ a True", "exit functions ran"])


def test_processes_share_one_import(forks: Forks) -> None:
    pids = [forks.start("exit", "0", name=name).pid for name in "ab"]
    assert forks.imported_by == [forks.server.pid]
    assert len({*pids, forks.server.pid}) == 3


def test_an_error_and_words_are_in_the_log(forks: Forks) -> None:
    code, lines = forks.output("raise")
    assert (code, lines[-2:]) == (1, ["ValueError: a fault", "exit functions ran"])
    code, lines = forks.output("words")
    assert (code, lines[-2:]) == (1, ["no such thing", "exit functions ran"])


def test_threads_are_waited_for(forks: Forks) -> None:
    assert forks.output("thread")[1][1:] == ["the thread ended", "exit functions ran"]


def test_signals_end_a_process(forks: Forks) -> None:
    process = forks.start("sleep")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.terminate()
    assert process.wait() == -signal.SIGTERM
    assert process.poll() == -signal.SIGTERM
    process.terminate()


def test_the_processes_of_a_killed_server_end_and_the_next_has_a_new_one(forks: Forks) -> None:
    process = forks.start("sleep")
    first = forks.server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert process.wait(60.0) == -signal.SIGKILL
    other = forks.start("exit", "0")
    assert forks.server.pid not in {None, first}
    assert other.wait(60.0) == 0


def test_a_server_that_hangs_is_killed_and_replaced(forks: Forks) -> None:
    process = forks.start("sleep")
    assert forks.server._channel is not None
    assert forks.server.pid is not None
    forks.server._channel.settimeout(0.5)  # the first answer may take longer on a busy machine
    os.kill(forks.server.pid, signal.SIGSTOP)
    with pytest.raises(ServiceUnavailable, match="the fork server did not answer: timed out"):
        forks.start("exit", "0")
    assert process.wait(60.0) == -signal.SIGKILL
    assert forks.start("exit", "0").wait(60.0) == 0


def test_a_module_that_cannot_be_imported_is_told_by_the_process(forks: Forks) -> None:
    forks.server = ForkServer(["no_such_module"])
    process = forks.start(module="no_such_module")
    assert process.wait(60.0) == 1
    assert "No module named no_such_module" in forks.log.read_text()


def test_another_command_is_refused(forks: Forks) -> None:
    with pytest.raises(ValueError, match="argv must be .* -m MODULE"):
        forks.server.start(("sleep", "1"), env={}, output=None)
    assert forks.server.pid is None


def test_all_end_with_the_process_that_started_the_server(forks: Forks) -> None:
    text = (
        "import os, sys, time\n"
        "from backend.adapters.queue.fork_server import ForkServer\n"
        "server = ForkServer(['forks_shared'])\n"
        "elsewhere = open(os.devnull, 'wb')\n"  # both would print the first line
        "argv = (sys.executable, '-m', 'forks_run', 'sleep')\n"
        "process = server.start(argv, env={'FORKS_NAME': 'a'}, output=elsewhere)\n"
        "print(server.pid, process.pid, flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_alive(pid) for pid in pids)
        parent.kill()
    eventually(lambda: not any(is_alive(pid) for pid in pids))
