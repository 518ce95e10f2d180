"""Measures a project's quality: `masklet crowd trust` in a process of its own. The web process reads no videos."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence

from backend.adapters.queue.child_process import tied_to_parent
from backend.interfaces.http.lead.export_runs import MASKLET, NICE

LONGEST_SAID = 2000


class QualityProcess:
    """A MeasuringProcess. The thread that makes it outlives it."""

    def __init__(self, project_id: int, *, masklet: Sequence[str] = MASKLET) -> None:
        """masklet: the command."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (`end` closes it)
        argv = tied_to_parent([*NICE, *masklet, "crowd", "trust", str(project_id)])
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._said)

    def status(self) -> int | None:
        """See MeasuringProcess."""
        return self._process.poll()

    def end(self) -> str:
        """See MeasuringProcess. What is measured so far is kept."""
        self._process.kill()
        self._process.wait()
        if self._said.closed:
            return ""
        self._said.seek(0)
        said = self._said.read()[-LONGEST_SAID:].decode("utf-8", "replace").strip()
        self._said.close()
        return said
