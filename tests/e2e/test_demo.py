"""The main use case with all real processes: Label Studio, queue server, web process, workers, model, video.

Each run is `scripts/demo_run.py --once` in a process of its own, as a user without a terminal would start it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey

ROOT = Path(__file__).parents[2]
OBJECTS = ("Object 1", "Object 2", "Object 3")
KEYS = {
    *("task_id", "project_id", "prediction_id", "model", "frames", "objects", "masks", "mean_iou"),
    *("first_mask_s", "propagate_s", "score", "uncertainty"),
}

KILLED_PROCESSES = (
    "web",
    "interactive",
    "queue",
    "propagate",
    "web",
    "queue",
    "interactive",
    "propagate",
    "web",
    "queue",
)
"""Ten kills, in this order. The propagate worker only twice: a job fails after its third attempt."""

PAUSE_S = 1.5

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Run:
    """A started demo."""

    data_dir: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, data_dir: Path, *options: str, **environment: str) -> Run:
        argv = [sys.executable, "-P", str(ROOT / "scripts" / "demo_run.py"), "--once", "--data-dir", str(data_dir)]
        with (data_dir / "demo.out").open("wb") as out:
            process = subprocess.Popen(
                [*argv, "--json", str(data_dir / "report.json"), *options],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "MASKLET_MODEL": "demo", "MASKLET_DEVICE": "cpu", **environment},
            )
        return cls(data_dir, process)

    def report(self) -> dict[str, Any]:
        """The report of the demo, after its end with exit code 0."""
        code = self.process.wait()
        assert code == 0, (self.data_dir / "demo.out").read_text()
        document: dict[str, Any] = json.loads((self.data_dir / "report.json").read_text())
        return document

    def pids(self) -> dict[str, int]:
        """The process ids by process name; {} until all processes are ready."""
        with suppress(FileNotFoundError, ValueError):
            pids: dict[str, int] = json.loads((self.data_dir / "run.json").read_text())["pids"]
            return pids
        return {}

    def kill(self, name: str, killed: set[int]) -> bool:
        """Kill -9 a process that was not killed yet, once it runs; False if the demo ended before."""
        while self.process.poll() is None:
            pid = self.pids().get(name)
            if pid is not None and pid not in killed:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
                    return True
            time.sleep(0.05)
        return False


def copy_of(template: Path, data_dir: Path) -> Path:
    """A data folder with an empty Label Studio database."""
    shutil.copytree(template, data_dir / "label-studio")
    return data_dir


def predictions(data_dir: Path) -> list[tuple[int, int]]:
    """(task, prediction) of every prediction in Label Studio's own database."""
    with closing(sqlite3.connect(data_dir / "label-studio" / "label_studio.sqlite3")) as database:
        return database.execute("select task_id, id from prediction order by id").fetchall()


def prompted_objects(data_dir: Path, report: dict[str, Any]) -> set[ObjectId]:
    """The objects with prompts in the ledger."""
    with closing(open_ledger(f"sqlite:///{data_dir / 'ledger.sqlite'}", SystemClock())) as ledger:
        key = TaskKey(report["project_id"], report["task_id"])
        return {prompt.object_id for prompt in ledger.prompts(key)}


@pytest.fixture(scope="module")
def first(label_studio_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A demo run in an empty data folder, and its report."""
    data_dir = copy_of(label_studio_template, tmp_path_factory.mktemp("demo"))
    return data_dir, Run.start(data_dir).report()


def test_masks_are_in_label_studio(first: tuple[Path, dict[str, Any]]) -> None:
    data_dir, report = first
    assert set(report) == KEYS
    assert predictions(data_dir) == [(report["task_id"], report["prediction_id"])]
    assert (report["frames"], report["objects"]) == (72, 3)
    assert report["masks"] > 72
    assert len(report["uncertainty"]) == 72
    assert all(0 <= value <= 1 for value in report["uncertainty"])
    assert 0 <= report["score"] <= 1
    assert prompted_objects(data_dir, report) == set(map(ObjectId, OBJECTS))


def test_the_task_names_its_worst_page_and_has_the_mean_score_of_its_pages(
    first: tuple[Path, dict[str, Any]],
) -> None:
    data_dir, report = first
    uncertainties = report["uncertainty"]
    with closing(sqlite3.connect(data_dir / "label-studio" / "label_studio.sqlite3")) as database:
        asked = database.execute("select data from task where id = ?", (report["task_id"],)).fetchone()
        (tab,) = database.execute(
            "select data from data_manager_view where project_id = ?", (report["project_id"],)
        ).fetchone()
    data, hidden = json.loads(asked[0]), json.loads(tab)["hiddenColumns"]["explore"]
    assert uncertainties[data["worst_page"] - 1] == max(uncertainties)
    assert data["uncertainty"] == f"{max(uncertainties):.4f}"
    assert report["score"] == pytest.approx(1 - sum(uncertainties) / len(uncertainties), abs=1e-4)
    shown = {name for name in data if f"tasks:data.{name}" not in hidden}
    assert shown == {"clip", "worst_page", "uncertainty"}


def test_the_first_project_is_the_player(first: tuple[Path, dict[str, Any]]) -> None:
    data_dir, report = first
    with closing(sqlite3.connect(data_dir / "label-studio" / "label_studio.sqlite3")) as database:
        projects = "select id, title, label_config, model_version from project order by id limit 1"
        number, title, label_config, version = database.execute(projects).fetchone()
        (task,) = database.execute("select id from task where project_id = ?", (number,)).fetchone()
    assert (title, version) == ("Masklet player", report["model"])
    assert f"/player?project={number}&amp;field=video&amp;value=$video" in label_config
    printed = (data_dir / "demo.out").read_text()
    assert f"/projects/{number}/data?task={task}\n" in printed
    assert f"/projects/{report['project_id']}/data?task={report['task_id']}\n" in printed
    (empty,) = re.findall(
        rf"^Frames as pages, to try: .*/projects/{report['project_id']}/data.task=(\d+)$", printed, re.M
    )
    assert int(empty) not in {report["task_id"], *dict(predictions(data_dir))}
    settings = data_dir / "demo.env"
    assert "export LABEL_STUDIO_URL=http://127.0.0.1:" in settings.read_text()
    assert settings.stat().st_mode & 0o077 == 0


def test_masks_fit_the_true_masks(first: tuple[Path, dict[str, Any]]) -> None:
    assert first[1]["mean_iou"] > 0.5


def test_no_process_is_left(first: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = first
    assert not (data_dir / "run.json").exists()
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(data_dir).encode() in (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes():
                left.append((folder / "cmdline").read_bytes())
    assert left == []


def test_a_second_start_reuses_the_first_ones_results(first: tuple[Path, dict[str, Any]]) -> None:
    data_dir, before = first
    after = Run.start(data_dir).report()
    stable = ("task_id", "project_id", "prediction_id", "masks", "mean_iou", "score", "uncertainty")
    assert {key: after[key] for key in stable} == {key: before[key] for key in stable}
    assert predictions(data_dir) == [(before["task_id"], before["prediction_id"])]


def test_without_checkpoint_and_video_each_has_its_line(tmp_path: Path) -> None:
    page = tmp_path / "page.mp4"
    page.write_text("<html>not found</html>")
    run = Run.start(tmp_path, "--model", "tiny", "--video", str(page), MASKLET_MODEL_BASE_URL="http://127.0.0.1:9/")
    assert run.process.wait() == 1
    missing, expectation, error = (tmp_path / "demo.out").read_text().strip().splitlines()
    assert missing.startswith("The demo model runs in place of tiny: http://127.0.0.1:9/sam2.1_hiera_tiny.pt cannot be")
    assert expectation.startswith("The demo model was trained on drawn clips: expect poor masks on real footage.")
    assert error.startswith("demo: page.mp4 cannot be decoded as a video")


def test_ten_kills_lose_and_repeat_no_prediction(label_studio_template: Path, tmp_path: Path) -> None:
    data_dir = copy_of(label_studio_template, tmp_path)
    # With one thread the propagation lasts longer than the kills, on any machine.
    run = Run.start(data_dir, MASKLET_THREADS="1")
    killed: set[int] = set()
    for name in KILLED_PROCESSES:
        assert run.kill(name, killed), f"the demo ended before ten kills: {(data_dir / 'demo.out').read_text()}"
        time.sleep(PAUSE_S)
    report = run.report()
    assert len(killed) == len(KILLED_PROCESSES)
    assert predictions(data_dir) == [(report["task_id"], report["prediction_id"])]
    assert prompted_objects(data_dir, report) == set(map(ObjectId, OBJECTS))
    assert report["objects"] == 3
