"""The command that measures a project, as a process."""

from __future__ import annotations

import sys
import time

from backend.interfaces.http.lead.quality_process import QualityProcess


def process(program: str) -> QualityProcess:
    return QualityProcess(7, masklet=(sys.executable, "-c", program))


def ended(running: QualityProcess) -> int:
    while (status := running.status()) is None:
        time.sleep(0.01)
    return status


def test_it_measures_the_project_and_says_why_it_failed() -> None:
    done = process("import sys; sys.exit(0 if sys.argv[1:] == ['crowd', 'trust', '7'] else 2)")
    assert (ended(done), done.end(), done.end()) == (0, "", "")
    failed = process("import sys; print('a table'); sys.exit('masklet: no such project')")
    assert (ended(failed), failed.end()) == (1, "masklet: no such project")


def test_a_running_one_can_be_ended() -> None:
    running = process("import time; time.sleep(600)")
    assert running.status() is None
    assert running.end() == ""
    assert running.status() not in (None, 0)
