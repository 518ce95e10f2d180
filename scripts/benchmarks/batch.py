"""Measures batches with a real Label Studio: import, pre-annotation by one and two workers, memory, killed processes.

    ./scripts/bench batch [--json FILE] [--quick] [--clips N] [--annotated N]

The clips are small (64 x 48, 8 frames) and all different. The model is the demo's, with one thread per worker, so two
workers use two cores. In the last part the queue server and the worker are killed by SIGKILL during the batch. More
workers are simulated, not measured. Exits with 1 if a clip is missing or has more than one task or prediction.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks.batch_simulation import simulated
from scripts.demonstration.backend import MaskletProcess
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.fakes.clips import ClipSpec, write_clip

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "MASKLET_TEST_LABEL_STUDIO"
FRAMES = 8
POLL_S = 0.5
TIMEOUT_S = 1800.0
PROMPTS = {"objects": [{"id": "a", "label": "Object 1", "prompts": [{"frame": 0, "box": [0.0, 0.0, 0.5, 0.5]}]}]}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Batches against a real Label Studio.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="40 clips instead of 1000, 6 annotated instead of 40")
    parser.add_argument("--clips", type=int, default=0, help="how many clips are imported")
    parser.add_argument("--annotated", type=int, default=0, help="the number of annotated clips per run of workers")
    parser.add_argument("--url", default="", help="the address of a running Label Studio, instead of a new one")
    parser.add_argument("--token", default="", help="its token")
    options = parser.parse_args(arguments)
    clips = options.clips or (40 if options.quick else 1000)
    annotated = options.annotated or (6 if options.quick else 40)
    with tempfile.TemporaryDirectory(prefix="masklet-bench-batch-") as folder, ExitStack() as stack:
        benchmark = stack.enter_context(BatchBenchmark(Path(folder), options.url, options.token))
        figures = {
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "clip": f"64x48, {FRAMES} frames",
            "import": benchmark.measure_import(clips),
            "one_worker": benchmark.measure_workers("one worker", annotated, extra=0),
            "simulated": printed("simulated", simulated(benchmark.done_s)),
            "two_workers": benchmark.measure_workers("two workers", annotated, extra=1),
            "trouble": benchmark.measure_kills(annotated),
        }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    measured = [part for part in figures.values() if isinstance(part, dict) and "exactly_once" in part]
    return 0 if all(part["exactly_once"] for part in measured) else 1


@dataclass
class BatchBenchmark:
    """One Label Studio and one Masklet in a separate folder."""

    root: Path
    url: str = ""
    token: str = ""
    made: int = 0
    done_s: list[float] = field(default_factory=list)
    """Completion time of each clip of the last run, in seconds after its start."""

    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> BatchBenchmark:
        if not self.url:
            self.start_label_studio()
        self.api = self.stack.enter_context(LabelStudioApi(self.url, self.token))
        self.data = self.root / "data"
        self.environment = {
            **os.environ,
            "MASKLET_DATA_DIR": str(self.data),
            "MASKLET_MODEL": "demo",
            "MASKLET_THREADS": "1",
            "MASKLET_PORT": "19480",
            "LABEL_STUDIO_URL": self.url,
            "LABEL_STUDIO_API_KEY": self.token,
        }
        os.environ.update(MASKLET_MODEL="demo", MASKLET_THREADS="1", MASKLET_PORT="19480")
        self.masklet = MaskletProcess(self.data)
        self.masklet.launch(label_studio_url=self.url, token=self.token)
        self.stack.callback(self.masklet.stop)
        self.masklet.wait()
        (self.root / "prompts.json").write_text(json.dumps(PROMPTS))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def start_label_studio(self) -> None:
        template = os.environ.get(TEMPLATE)
        if template:
            shutil.copytree(template, self.root / "label-studio")
        server = self.stack.enter_context(LabelStudioServer(self.root / "label-studio", port=18480))
        self.url, self.token = server.url, server.login.token

    def measure_import(self, clips: int) -> dict[str, object]:
        """Imports clips without prompts, twice."""
        folder, project = self.clips(clips), self.project("import")
        first_s, peak_mib = self.run_import(folder, project)
        again_s, _ = self.run_import(folder, project)
        keys = self.keys(project)
        figures: dict[str, object] = {
            "clips": clips,
            "seconds": round(first_s, 1),
            "clips_per_s": round(clips / first_s, 1),
            "again_s": round(again_s, 1),
            "peak_mib": round(peak_mib),
            "exactly_once": len(keys) == clips and set(keys.values()) == {1},
        }
        return printed("import", figures)

    def measure_workers(self, name: str, clips: int, *, extra: int) -> dict[str, object]:
        """Imports clips with prompts and waits until every clip has a prediction."""
        folder, project = self.clips(clips), self.project(name)
        workers = [self.worker(number) for number in range(extra)]
        try:
            figures = self.measure_predictions(folder, project, clips, lambda done: None)
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()
        return printed(name, figures)

    def measure_kills(self, clips: int) -> dict[str, object]:
        """Runs one worker; the queue server is killed after a third of the clips, the worker after two thirds."""
        folder, project = self.clips(clips), self.project("trouble")
        killed: list[str] = []

        def kill_processes(done: int) -> None:
            for name, at in (("queue", clips // 3), ("propagate", 2 * clips // 3)):
                if done >= at and name not in killed:
                    os.kill(self.pids()[name], signal.SIGKILL)
                    killed.append(name)

        figures = self.measure_predictions(folder, project, clips, kill_processes)
        return printed("trouble", {**figures, "killed": killed})

    def measure_predictions(
        self, folder: Path, project: int, clips: int, on_done: Callable[[int], None]
    ) -> dict[str, object]:
        started_s = time.monotonic()
        memory = Memory(self.pids)
        importing = subprocess.Popen(self.import_argv(folder, project, prompted=True), env=self.environment)
        first_s, first_count = 0.0, 0
        self.done_s = done_s = list[float]()
        while time.monotonic() - started_s < TIMEOUT_S:
            memory.sample()
            predicted = self.predictions(project)
            done_s += [time.monotonic() - started_s] * (len(predicted) - len(done_s))
            if predicted and not first_s:
                first_s, first_count = time.monotonic() - started_s, len(predicted)
            if len(predicted) >= clips:
                break
            on_done(len(predicted))
            time.sleep(POLL_S)
        seconds = time.monotonic() - started_s
        importing.wait()
        predicted = self.predictions(project)
        return {
            "clips": clips,
            "seconds": round(seconds, 1),
            "first_prediction_s": round(first_s, 1),
            "frames_per_s_after_the_first": round((clips - first_count) * FRAMES / max(seconds - first_s, 1e-9), 2),
            "memory_mib": memory.figures(),
            "exactly_once": len(predicted) == clips and set(predicted.values()) == {1},
        }

    # parts

    def clips(self, count: int) -> Path:
        """Makes clips that differ from all earlier ones in their first frame and their duration."""
        folder = self.root / f"clips-{self.made}"
        folder.mkdir()
        for number in range(count):
            self.made += 1
            times = [*range(FRAMES - 1), FRAMES + self.made]
            write_clip(folder / f"{number:05d}.mp4", ClipSpec(frame_count=FRAMES, times=times))
        return folder

    def project(self, name: str) -> int:
        return self.api.ensure_project(f"{name} {self.root.name}", (ROOT / "label_config" / "frames.xml").read_text())

    def import_argv(self, folder: Path, project: int, *, prompted: bool) -> list[str]:
        argv = [sys.executable, "-m", "backend.interfaces.cli", "import", str(folder), "--project", str(project)]
        return [*argv, "--prompts", str(self.root / "prompts.json")] if prompted else argv

    def run_import(self, folder: Path, project: int) -> tuple[float, float]:
        """Seconds and peak memory in MiB of one import. Raises SystemExit if the import fails."""
        started_s = time.monotonic()
        process = subprocess.Popen(
            self.import_argv(folder, project, prompted=False), env=self.environment, stderr=subprocess.DEVNULL
        )
        peak_mib = 0.0
        while process.poll() is None:
            peak_mib = max(peak_mib, resident_mib(process.pid))
            time.sleep(0.1)
        if process.returncode:
            raise SystemExit(f"the import failed with exit code {process.returncode}")
        return time.monotonic() - started_s, peak_mib

    def worker(self, number: int) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "backend.interfaces.cli", "worker", "propagate", "--name", f"extra-{number}"]
        path = self.root / f"extra-{number}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(argv, env=self.environment, stdout=log, stderr=log)
        while b": masklet-" not in path.read_bytes():
            if process.poll() is not None:
                raise SystemExit(f"a worker did not start: {path.read_text()[-500:]}")
            time.sleep(POLL_S)
        return process

    def pids(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.data / "run.json").read_text())["pids"]
        return found

    def keys(self, project: int) -> Counter[str]:
        return Counter(task["data"]["masklet"]["key"] for task in self.api.task_list(project))

    def predictions(self, project: int) -> dict[int, int]:
        """The number of predictions by task id, for tasks with predictions."""
        counts = {int(task["id"]): int(task["total_predictions"]) for task in self.api.task_list(project)}
        return {task_id: count for task_id, count in counts.items() if count}


@dataclass
class Memory:
    """Samples of the resident memory, in MiB, of each process of the stack."""

    pids: Callable[[], dict[str, int]]
    samples: dict[str, list[float]] = field(default_factory=dict)

    def sample(self) -> None:
        for name, pid in self.pids().items():
            mib = resident_mib(pid)
            if mib:
                self.samples.setdefault(name, []).append(mib)

    def figures(self) -> dict[str, dict[str, int]]:
        return {
            name: {"first": round(values[0]), "most": round(max(values)), "last": round(values[-1])}
            for name, values in self.samples.items()
        }


def resident_mib(pid: int) -> float:
    """Resident memory in MiB; 0.0 for a process that ended."""
    try:
        fields = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in fields.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0")
    return int(line.split()[1]) / 1024


def printed(name: str, figures: dict[str, object]) -> dict[str, object]:
    print(f"{name}: {json.dumps(figures)}", flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
