"""`./scripts/gpu_check`: its steps, their ends, the report, the wheels."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import time
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from scripts.gpu_steps.check import ROOT, main, run_all
from scripts.gpu_steps.children import Outcome
from scripts.gpu_steps.measured.gpu_tests import FOLDERS
from scripts.gpu_steps.plan import Step, chosen, planned
from scripts.gpu_steps.report import Report, continued, markdown, unmet
from scripts.gpu_steps.wheels import FROM_SOURCE, PUBLISHED, THERE, compress_again, locked, pack_installed

ABOUT = {"commit": "abc", "date": "2026-01-01", "device": "cuda"}


def fake(name: str, code: str, bound_s: float = 60.0) -> Step:
    return Step(name, ("-c", f"from scripts.gpu_steps.children import write_figure\n{code}"), bound_s, least_s=0.0)


def test_a_crash_and_a_hang_cost_their_step_only(tmp_path: Path) -> None:
    path, report = tmp_path / "figures.json", Report(dict(ABOUT))
    read = f"import json, pathlib\nsteps = json.loads(pathlib.Path({str(path)!r}).read_text())['steps']\n"
    steps = [
        fake("crash", "import os\nwrite_figure('crash.first', 1.0)\nos.kill(os.getpid(), 11)"),
        fake("hang", "import time\nwrite_figure('hang.first', 2.0)\ntime.sleep(600)", bound_s=3.0),
        fake("error", "raise RuntimeError('the memory of cuda did not suffice')"),
        fake("good", f"{read}write_figure('good.seen', ' '.join(step['name'] for step in steps))"),
    ]
    run_all(steps, report, path, deadline_s=time.monotonic() + 600)
    written = {step["name"]: step for step in json.loads(path.read_text())["steps"]}
    assert {name: step["state"] for name, step in written.items()} == {
        **{"crash": "failed", "hang": "cut", "error": "failed", "good": "ok"}
    }
    assert written["crash"]["reason"].startswith("killed by SIGSEGV")
    assert written["hang"]["reason"] == "it did not end within 3 s"
    assert written["error"]["reason"] == "RuntimeError: the memory of cuda did not suffice"
    assert report.figures == {"crash.first": 1.0, "hang.first": 2.0, "good.seen": "crash hang error"}


def test_figures_are_written_while_a_step_runs(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    wait = (
        f"import pathlib, time\npath = pathlib.Path({str(path)!r})\nwrite_figure('one', 1.0)\n"
        "while not path.exists() or '\"one\"' not in path.read_text(): time.sleep(0.05)\n"
        "write_figure('two', 2.0)"
    )
    report = Report(dict(ABOUT))
    run_all([fake("slow", wait)], report, path, deadline_s=time.monotonic() + 600)
    assert report.outcomes["slow"].state == "ok"
    assert report.figures == {"one": 1.0, "two": 2.0}


def test_steps_without_time_are_left_out(tmp_path: Path) -> None:
    report = Report(dict(ABOUT))
    run_all(planned("cuda")[:1], report, tmp_path / "figures.json", deadline_s=time.monotonic() + 5)
    assert report.outcomes["machine"].state == "left out"
    assert continued(ABOUT, tmp_path / "figures.json").outcomes == {}


def test_a_second_run_goes_on(tmp_path: Path) -> None:
    path, report = tmp_path / "figures.json", Report(dict(ABOUT))
    report.add(Outcome("machine", "ok", figures={"machine.name": "H200"}))
    report.write(path)
    assert continued(ABOUT, path).figures == {"machine.name": "H200"}
    assert continued({**ABOUT, "commit": "def"}, path).figures == {}


def test_the_table() -> None:
    report = Report(dict(ABOUT))
    report.add(Outcome("machine", "ok", figures={"machine.name": "NVIDIA H200", "machine.driver": "580"}))
    report.add(Outcome("parity.tiny", "ok", figures={"parity.tiny.bf16_over_upstream": 1.3}))
    report.add(
        Outcome("speed.tiny.ours", "ok", figures={"speed.tiny.1.gpu.ours": 200.0, "speed.tiny.10.gpu.ours": 70.0})
    )
    report.add(
        Outcome("speed.tiny.eager", "failed", "10 objects | out of memory", figures={"speed.tiny.1.gpu.eager": 80.0})
    )
    lines = markdown(report)
    assert lines[0] == "commit abc; date 2026-01-01; device cuda; name NVIDIA H200; driver 580."
    assert "| tiny | 1 | gpu | 200 | 80 | – | – | – | – | 2.50 | ≥ 250 |" in lines
    assert "| tiny | 10 | gpu | 70 | – | – | – | – | – | – | ≥ 60 |" in lines
    assert "| `parity.tiny.bf16_over_upstream` | 1.3 | ≤ 1.1 | no |" in lines
    assert "| `speed.tiny.eager` | failed | 10 objects \\| out of memory |" in lines
    assert unmet(report.figures) == ["parity.tiny.bf16_over_upstream"]


def test_the_plan() -> None:
    names = [step.name for step in planned("cuda")]
    assert len(set(names)) == len(names)
    assert (
        names.index("parity.large") < names.index("tests") < names.index("speed.tiny.ours") < names.index("first_mask")
    )
    assert [step.name for step in chosen(planned("cpu"), "parity.tiny,tests")] == [
        "parity.tiny",
        "tests",
        "tests.compiled",
    ]
    with pytest.raises(SystemExit, match="there is no step 'sped'; choose from machine, "):
        chosen(planned("cpu"), "sped")


def test_every_gpu_test_is_run() -> None:
    marked = [path for path in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.gpu\n" in path.read_text()]
    assert len(marked) >= 4
    assert [path for path in marked if not any(path.is_relative_to(ROOT / folder) for folder in FOLDERS)] == []


def test_the_smallest_step_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    assert main(["--device", "cpu", "--only", "machine", "--json", str(path), "--commit", "abc"]) == 0
    (step,) = json.loads(path.read_text())["steps"]
    assert (step["name"], step["state"]) == ("machine", "ok")
    assert "machine.torch" in step["figures"]
    assert "commit abc; " in capsys.readouterr().out


def test_all_wheels_are_in_the_lock() -> None:
    wanted = locked(ROOT / "requirements.lock")
    assert {*PUBLISHED, *FROM_SOURCE} <= set(wanted)
    assert all("--hash=sha256:" in wanted[name] for name in PUBLISHED)
    assert wanted["av"].startswith("av==")
    assert "via" not in wanted["av"]


def test_the_wheels_need_nothing_else() -> None:
    carried = {*PUBLISHED, *FROM_SOURCE, *THERE}
    needed = {
        requirement.name.lower().replace("_", "-")
        for name in {*PUBLISHED, *FROM_SOURCE} - {"label-studio-ml", "label-studio-sdk", "label-studio-tools"}
        for requirement in map(Requirement, importlib.metadata.requires(name) or ())
        if requirement.marker is None or requirement.marker.evaluate({"python_version": "3.12", "extra": ""})
    }
    assert needed - carried == set()


def test_an_installed_package_becomes_a_wheel(tmp_path: Path) -> None:
    wheel = pack_installed("iopath", tmp_path)
    compress_again(wheel)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (record,) = [name for name in names if name.endswith(".dist-info/RECORD")]
        rows = list(csv.reader(archive.read(record).decode().splitlines()))
    assert {row[0] for row in rows} == names
    assert {"iopath/__init__.py", record.replace("RECORD", "METADATA")} <= names
    with pytest.raises(ValueError, match="numpy is not of pure Python"):
        pack_installed("numpy", tmp_path)
