"""Two stacks on one data folder: one runs, and the other names it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backend.adapters.machine.stack_lock import take_stack_lock
from backend.bootstrap.stack import worker_name
from backend.domain.errors import NotAllowed
from backend.domain.jobs import JobKind
from tests.fakes.together import REPOSITORY, together

STARTER = """
import sys, time
from pathlib import Path
from backend.adapters.machine.stack_lock import take_stack_lock
from backend.domain.errors import NotAllowed
print("ready", flush=True)
sys.stdin.read()
root = Path(sys.argv[1])
try:
    lock = take_stack_lock(root)
    with (root / "winners").open("a") as winners:
        winners.write("x")
    while len((root / "ends").read_text()) < 9:
        time.sleep(0.01)
    print("runs")
except NotAllowed as error:
    with (root / "ends").open("a") as ends:
        ends.write("x")
    print(error)
"""


def test_of_ten_stacks_that_start_together_one_runs(tmp_path: Path) -> None:
    (tmp_path / "ends").touch()
    ends = together(STARTER, str(tmp_path))
    assert (tmp_path / "winners").read_text() == "x"
    assert sum(end == "runs\n" for end in ends) == 1
    assert sum(f"uses {tmp_path}; stop it, or set MASKLET_DATA_DIR" in end for end in ends) == 9


def test_a_killed_stack_holds_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from backend.adapters.machine.stack_lock import take_stack_lock;"
        "lock = take_stack_lock(Path(sys.argv[1])); print('locked', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(NotAllowed, match=rf"another `masklet up` \(process {process.pid} on .*\) uses"):
            take_stack_lock(tmp_path)
        process.send_signal(signal.SIGKILL)
    take_stack_lock(tmp_path).close()


def test_stacks_with_different_folders_have_different_workers(tmp_path: Path) -> None:
    first, second = (worker_name(JobKind.PROPAGATE, tmp_path / name) for name in "ab")
    assert first != second
    assert first == worker_name(JobKind.PROPAGATE, tmp_path / "a")
