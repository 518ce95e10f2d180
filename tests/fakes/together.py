"""Several processes that do the same at the same moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def together(program: str, *arguments: str, count: int = 10) -> list[str]:
    """What they say. Each prints `ready` when it has imported what it needs, and goes on when its input ends."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program, *arguments]
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=REPOSITORY, text=True) for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    ends = [process.communicate() for process in processes]
    faults = [(error, process.returncode) for (_, error), process in zip(ends, processes, strict=True)]
    assert faults == [("", 0)] * count
    return [said for said, _ in ends]
