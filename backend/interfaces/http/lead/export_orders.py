"""What a lead orders as an export, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import join

INTERRUPTED = "Masklet stopped while the export ran; start it again."


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """tasks: numbers; empty: the whole project. verdict, labels, annotator: as the command's options."""

    project_id: int
    tasks: tuple[int, ...]
    format_name: str
    verdict: str
    labels: str
    annotator: str

    def arguments(self, out: str) -> list[str]:
        """Of `masklet`."""
        numbers = f"/{','.join(map(str, self.tasks))}" if self.tasks else ""
        source = f"project:{self.project_id}{numbers}"
        options = ("--verdict", self.verdict, "--from", self.labels, "--annotator", self.annotator)
        return ["export", source, "--format", self.format_name, *options, "--skip-faulty", "--out", out]

    @property
    def command(self) -> str:
        """For a terminal."""
        return join(["masklet", *self.arguments(f"project-{self.project_id}-{self.format_name}")])


@dataclass(frozen=True, slots=True)
class ExportRun:
    """state: running, done or failed. detail: what was written, or why it failed. size: of the archive, in bytes.

    archive: on this machine's disk; None before it is done, and for one that lies in a store that machines share.
    """

    name: str
    order: ExportOrder
    state: str
    detail: str
    archive: Path | None
    size: int
