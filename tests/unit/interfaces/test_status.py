"""`masklet status`: the sentences, and that they fit a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.application.imports.status import ProjectStatus
from backend.bootstrap.imports.batch_status import ProjectOverview
from backend.domain.jobs import JobState
from backend.interfaces.cli import app
from backend.interfaces.cli.status import overview_lines

COLUMNS = 80
LARGE = ProjectStatus(
    1234,
    {JobState.DONE: 4100, JobState.RUNNING: 2, JobState.QUEUED: 500, JobState.FAILED: 5, JobState.CANCELLED: 1},
    imported=5000,
    unprompted=392,
    frames_done=1_234_567,
    frames_total=1_500_000,
    frames_per_s=24.5,
    reasons=(("the video cannot be decoded", 5),),
    failed=tuple(f"clip {number}.mp4 (task {number})" for number in range(5)),
)


def lines(status: ProjectStatus) -> list[str]:
    return list(overview_lines(ProjectOverview(status, {}, f"http://localhost:8080/projects/{status.project_id}/data")))


def test_a_project_has_its_share_rate_time_left_and_names() -> None:
    assert lines(LARGE) == [
        "project 1234: 82 % of 5000 tasks done  http://localhost:8080/projects/1234/data",
        "  tasks   4100 done, 2 running, 500 queued, 5 failed, 1 cancelled, 392 not begun; 5000 imported",
        "  frames  1234567 of 1500000, 24.5 frames/s, about 3.0 h left",
        "  5 failed: the video cannot be decoded",
        "  failed are clip 0.mp4 (task 0), clip 1.mp4 (task 1), clip 2.mp4 (task 2) and 2 more; "
        "retry: masklet jobs retry 1234",
    ]


def test_the_counts_of_an_ordinary_project_fit_a_terminal() -> None:
    counts = {JobState.DONE: 41, JobState.RUNNING: 2, JobState.QUEUED: 5, JobState.FAILED: 2}
    status = ProjectStatus(7, counts, imported=50, frames_done=12_345, frames_total=15_000, frames_per_s=3.4)
    assert all(len(line) <= COLUMNS for line in lines(status))


def test_verdicts_that_ask_to_redo_masks_are_told_with_the_command_that_lists_them() -> None:
    status = ProjectStatus(7, {JobState.DONE: 3}, redo_verdicts=2)
    assert "  redo    2 verdicts, some may be outdated; all: masklet report 7" in lines(status)
    assert not any("redo" in line for line in lines(ProjectStatus(7, {JobState.DONE: 3})))


def test_frames_that_do_not_decode_are_told_by_video() -> None:
    status = ProjectStatus(7, {JobState.DONE: 1}, undecodable=(("a.mp4", (3, 4, 9)),))
    assert (
        "  a.mp4: frames that do not decode, and show the picture before them: 3-4,9; "
        "in a video that is no copy browsers stop there or show another: import it with --reencode always"
    ) in lines(status)
    assert status.document()["undecodable"] == [{"video": "a.mp4", "frames": "3-4,9"}]


def test_all_tasks_done_is_a_hundred_percent_and_nothing_less() -> None:
    assert "99 % of 1000" in lines(ProjectStatus(7, {JobState.DONE: 999, JobState.FAILED: 1}))[0]
    assert "100 % of 3" in lines(ProjectStatus(7, {JobState.DONE: 3}))[0]
    assert "0 % of 0" in lines(ProjectStatus(7, {}))[0]


def test_an_unknown_project_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path))
    found = CliRunner().invoke(app, ["status", "9"])
    assert found.exit_code != 0
    assert "Masklet has no tasks of project 9; it knows none" in str(found.exception) + found.output
