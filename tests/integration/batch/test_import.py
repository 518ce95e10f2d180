"""Batches into a real Label Studio: each task made once, also by a killed import; prompts in the ledger."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.domain.geometry import mask_iou
from backend.domain.tasks import TaskKey
from scripts.demonstration.demo_clip import demo_clip
from scripts.demonstration.write_video import write_video
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.fakes.clips import ClipSpec, numbered_frame, write_clip

pytestmark = pytest.mark.timeout(1800)
"""Label Studio's start takes minutes on a busy machine."""

ROOT = Path(__file__).parents[3]
FRAMES = (ROOT / "label_config" / "frames.xml").read_text()
PROMPTS = {"objects": [{"id": "a", "label": "Object 1", "prompts": [{"frame": 0, "box": [0.1, 0.1, 0.5, 0.4]}]}]}

ONE_PICTURE = """<View><Image name="img" value="$image"/>
<BrushLabels name="mask" toName="img"><Label value="Object 1"/></BrushLabels></View>"""

KILLED_IMPORT = """
import os, signal
from backend.adapters.media.import_records import ImportRecords
ImportRecords.put = lambda self, items: os.kill(os.getpid(), signal.SIGKILL)
from backend.interfaces.cli import main
main()
"""
"""An import that is killed after Label Studio made the tasks and before they are recorded."""


class ImportRun:
    def __init__(self, server: LabelStudioServer, root: Path) -> None:
        self.root = root
        self.stderr = ""
        self.api = LabelStudioApi(server.url, server.login.token)
        self.project = self.api.ensure_project(f"batch {root.name}", FRAMES)
        self.environment = {
            **os.environ,
            "LABEL_STUDIO_URL": server.url,
            "LABEL_STUDIO_API_KEY": server.login.token,
            "MASKLET_DATA_DIR": str(root / "data"),
            "MASKLET_MODEL": "demo",
            "MASKLET_THREADS": "1",
            "COLUMNS": "200",
        }
        (root / "in").mkdir()
        for number in range(3):
            write_clip(root / "in" / f"clip {number}.mp4", ClipSpec(frame_count=4 + number))

    def masklet(self, *arguments: str, code: str = "from backend.interfaces.cli import main; main()") -> int:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self.environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        self.stderr = done.stderr
        return done.returncode

    def import_batch(self, *options: str, code: str = "from backend.interfaces.cli import main; main()") -> int:
        report = str(self.root / "report.jsonl")
        source = str(self.root / "in")
        return self.masklet("import", source, "--project", str(self.project), "--report", report, *options, code=code)

    def report(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.root / "report.jsonl").read_text().splitlines()]

    def tasks(self) -> list[Mapping[str, object]]:
        listed = self.api._call("GET", "/api/tasks/", params={"project": self.project, "fields": "all"})["tasks"]
        return [dict(task) for task in listed]


@pytest.fixture
def setup(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[ImportRun]:
    setup = ImportRun(label_studio, tmp_path)
    yield setup
    setup.api.close()


def test_a_killed_import_makes_each_task_once(setup: ImportRun) -> None:
    assert setup.import_batch(code=KILLED_IMPORT) == -signal.SIGKILL
    assert len(setup.tasks()) == 3
    assert setup.import_batch() == 0
    assert setup.report()[-1] == {"summary": {"created": 0, "existing": 3, "duplicate": 0, "prompted": 0, "failed": 0}}
    (setup.root / "in" / "bad.mp4").write_bytes(b"#EXTM3U\n")
    write_clip(setup.root / "in" / "ü 3.mp4", ClipSpec(frame_count=8))
    write_clip(setup.root / "in" / "lab.avi", ClipSpec(codec="mjpeg", pixels="yuvj420p", frame_count=9))
    assert setup.import_batch() == 1
    assert setup.report()[-1] == {"summary": {"created": 2, "existing": 3, "duplicate": 0, "prompted": 0, "failed": 1}}
    said = "re-encoded: browsers do not play AVI with mjpeg"
    assert f"lab.avi: {said}" in setup.stderr
    assert [line["note"] for line in setup.report() if line.get("name") == "lab.avi"] == [said]
    tasks = setup.tasks()
    assert sorted(len(list(task["data"]["frames"])) for task in tasks) == [4, 5, 6, 8, 9]  # type: ignore[index]


def test_prompts_are_in_the_ledger_without_a_worker(setup: ImportRun) -> None:
    (setup.root / "p.json").write_text(json.dumps(PROMPTS))
    assert setup.import_batch("--prompts", str(setup.root / "p.json"), "--segment", "3", "--overlap", "1") == 0
    made = [line for line in setup.report() if line.get("state") == "created"]
    assert [line["name"] for line in made if line.get("prompts")] == [
        f"clip {n}.mp4 [1/{c}]" for n, c in ((0, 2), (1, 2), (2, 3))
    ]
    assert setup.masklet("status", str(setup.project), "--json", str(setup.root / "s.json")) == 0
    (status,) = json.loads((setup.root / "s.json").read_text())
    assert (status["project"], status["imported"], status["failed"]) == (setup.project, 7, 0)


def test_a_mode_that_does_not_fit_the_project_is_refused(setup: ImportRun) -> None:
    assert setup.import_batch("--as", "video") == 2
    assert "its label config shows pages; use --as pages" in setup.stderr
    assert setup.tasks() == []


def test_the_tiff_of_a_task_is_named_with_the_command_that_imports_it(setup: ImportRun) -> None:
    """Label Studio's page is blank; it takes TIFF from storages and addresses, not as an upload."""
    clip = setup.root / "two pages.tif"
    pages = [Image.fromarray(numbered_frame(number)) for number in range(2)]
    pages[0].save(clip, save_all=True, append_images=pages[1:])
    project = setup.api.ensure_project(f"tiff {setup.root.name}", ONE_PICTURE)
    blank = setup.api.add_task(project, {"image": f"/data/local-files/?d=in/{quote(clip.name)}"})
    (setup.root / "p.json").write_text(json.dumps(PROMPTS))
    assert setup.masklet("import", f"tasks:{blank}", "--project", str(project), "--prompts", "p.json") == 0
    told = re.search(r"is a TIFF, which browsers do not show: .*; import the file itself: (masklet .*)", setup.stderr)
    assert told is not None, setup.stderr
    name, *arguments = shlex.split(told[1])
    assert (name, arguments[:1]) == ("masklet", ["import"])
    assert setup.masklet(*arguments) == 0, setup.stderr
    made = [setup.api.task_data(number) for number in setup.api.tasks(project) if number != blank]
    assert [str(data["clip"]) for data in made] == [f"{Path(arguments[1]).name} #0", f"{Path(arguments[1]).name} #1"]


def test_objects_are_found_by_a_text_and_an_unknown_label_is_refused_first(setup: ImportRun) -> None:
    for clip in (setup.root / "in").iterdir():
        clip.unlink()
    write_video(demo_clip().frames[:6], setup.root / "in" / "demo.mp4", frame_rate=24)
    assert setup.import_batch("--find", "fish=Object 2") == 1
    assert "there is no detector to find objects by a text: put the files of one" in setup.stderr
    setup.environment["MASKLET_MODEL_DIR"] = str(ROOT / "tests" / "data")
    assert setup.import_batch("--find", "fish=Fish") == 2
    assert "label 'Fish' is not in the project; the project's labels: Object 1, Object 2, Object 3" in setup.stderr
    assert setup.tasks() == []
    assert setup.import_batch("--find", "fish=Object 2", "--find", "dog=Object 3") == 0
    (made,) = [line for line in setup.report() if line.get("state") == "created"]
    assert (made["prompts"], list(made["auto"])) == (1, ["Object 2"])  # type: ignore[call-overload]
    ledger = open_ledger(f"sqlite:///{setup.root / 'data' / 'ledger.sqlite'}", SystemClock())
    task = TaskKey(setup.project, int(str(made["task"])))
    (prompt,) = ledger.prompts(task)
    ledger.close()
    assert (prompt.object_id, prompt.frame_index, prompt.automatic) == ("Object 2", 0, made["auto"]["Object 2"])  # type: ignore[index]
    assert prompt.mask is not None
    assert mask_iou(prompt.mask, demo_clip().masks[0][2]) > 0.5
