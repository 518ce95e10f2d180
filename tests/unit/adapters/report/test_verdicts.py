"""Verdicts on report pages."""

from __future__ import annotations

import re

from backend.adapters.report.verdicts import VerdictRow, verdicts_page, verdicts_section
from backend.application.player.project_verdicts import ReportedVerdict
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, ShownVerdict, Verdict


def row(verdict: Verdict, comment: str = "", *, is_outdated: bool = False, address: str = "") -> VerdictRow:
    given = GivenVerdict(ObjectId("Cat <2>"), verdict, comment, "digest")
    reported = ReportedVerdict(TaskKey(7, 12), "ann@example.org", ShownVerdict(given, is_outdated))
    return VerdictRow(reported, "clip.mp4 (task 12)", address)


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr class=\"[a-z]+\">(.*?)</tr>", page)
    return [re.findall(r"<td[^>]*>(.*?)</td>", found) for found in rows]


def test_the_counts_are_at_the_top_and_each_verdict_in_a_row() -> None:
    page = verdicts_page("Verdicts of project 7", [row(Verdict.REDO, "a < b"), row(Verdict.REJECT, is_outdated=True)])
    assert page.index("Verdicts: 1 redo, 1 outdated") < page.index("1 is to be redone") < page.index("<table>")
    assert cells(page) == [
        ["redo", "Cat &lt;2&gt;", "clip.mp4 (task 12)", "ann@example.org", "a &lt; b"],
        ["reject (outdated)", "Cat &lt;2&gt;", "clip.mp4 (task 12)", "ann@example.org", ""],
    ]


def test_a_task_is_linked_to_label_studio() -> None:
    (found,) = cells(verdicts_section([row(Verdict.REDO, address="http://ls/projects/7/data?task=12&x=1")]))
    assert found[2] == '<a href="http://ls/projects/7/data?task=12&amp;x=1">clip.mp4 (task 12)</a>'


def test_without_a_verdict_to_redo_the_page_says_so() -> None:
    assert "Nothing is to be redone." in verdicts_section([row(Verdict.SATISFACTORY)])
    assert "2 are to be redone: the first rows." in verdicts_section([row(Verdict.REDO), row(Verdict.REDO)])
    assert verdicts_section([]) == ""
