"""Exported overlay videos and the tasks that show them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.bootstrap.export import ExportOrder
from backend.bootstrap.overlays import films_of, plan_overlays
from backend.domain.errors import InvalidInput


def exported(out: Path, *videos: tuple[str, str]) -> Path:
    """An export whose manifest has videos of these keys and names; each has a file, except "gone"."""
    out.mkdir()
    listed = [{"key": key, "folder": name} for key, name in videos]
    (out / "manifest.json").write_text(json.dumps({"videos": listed}))
    for _, name in videos:
        if name != "gone":
            (out / f"{name}.mp4").touch()
    return out


def test_overlays_are_found_by_task_for_projects_and_runs(tmp_path: Path) -> None:
    out = exported(tmp_path / "out", ("12", "cat"), ("7/13", "dog"), ("14", "gone"))
    assert films_of(out) == {12: out / "cat.mp4", 13: out / "dog.mp4"}


@pytest.mark.parametrize(
    ("sources", "format_name"),
    [(["project:7"], "davis"), (["folder"], "overlay"), (["project:7", "project:8"], "overlay")],
)
def test_only_overlays_of_one_named_source_go_into_tasks(sources: list[str], format_name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--into-tasks is for --format overlay of tasks: name project:N"):
        plan_overlays(ExportOrder(sources, format_name, tmp_path / "out"))


def test_without_label_studio_no_export_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "")
    with pytest.raises(InvalidInput, match="no Label Studio is set; put its address in LABEL_STUDIO_URL"):
        plan_overlays(ExportOrder(["run:7/12"], "overlay", tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
