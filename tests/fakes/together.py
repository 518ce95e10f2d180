"""Several processes that run one program at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def together(program: str, *arguments: str, count: int = 10) -> list[str]:
    """The processes' outputs. Each prints `ready` after its imports and continues when its input ends."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program, *arguments]
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=REPOSITORY, text=True) for _ in range(count)
    ]
    readies = [process.stdout.readline() for process in processes if process.stdout is not None]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    ends = [process.communicate() for process in processes]
    faults = [(error, process.returncode) for (_, error), process in zip(ends, processes, strict=True)]
    assert faults == [("", 0)] * count
    assert readies == ["ready\n"] * count
    return [output for output, _ in ends]
