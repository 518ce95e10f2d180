"""Verdicts as HTML: their counts, and a table with what is to be redone first."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from backend.adapters.report.document import document
from backend.application.player.project_verdicts import ReportedVerdict, counts_of
from backend.domain.verdicts import ObjectState, counts_text


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A verdict with its task's name for people, and the task's address; empty without one."""

    verdict: ReportedVerdict
    task: str
    address: str


def verdicts_page(title: str, rows: Sequence[VerdictRow]) -> str:
    """A page of verdicts alone."""
    return document(title, verdicts_section(rows))


def verdicts_section(rows: Sequence[VerdictRow]) -> str:
    """The counts and the table; empty without verdicts."""
    if not rows:
        return ""
    redo = sum(row.verdict.state is ObjectState.REDO for row in rows)
    head = "".join(f"<th>{name}</th>" for name in ("verdict", "object", "task", "person", "comment"))
    return (
        f"<h2>Verdicts: {counts_text(counts_of(row.verdict for row in rows))}</h2>"
        f"<p>{_to_redo(redo)} A verdict is outdated once its person's masks have changed.</p>"
        f"<table><tr>{head}</tr>{''.join(map(_row, rows))}</table>"
    )


def _to_redo(count: int) -> str:
    if not count:
        return "Nothing is to be redone."
    return f"{count} {'is' if count == 1 else 'are'} to be redone: the first {'row' if count == 1 else 'rows'}."


def _row(row: VerdictRow) -> str:
    given, state = row.verdict.shown.given, row.verdict.state
    verdict = f"{given.verdict} (outdated)" if state is ObjectState.OUTDATED else str(given.verdict)
    task = html.escape(row.task)
    place = f'<a href="{html.escape(row.address)}">{task}</a>' if row.address else task
    texts = (verdict, row.verdict.subject, row.verdict.user or "nobody", given.comment)
    what, subject, person, comment = map(html.escape, texts)
    return (
        f'<tr class="{state}"><td class="word">{what}</td><td>{subject}</td><td>{place}</td>'
        f'<td class="word">{person}</td><td>{comment}</td></tr>'
    )
