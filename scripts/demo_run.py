"""The demo: runs Label Studio and Masklet on one machine, clicks objects of a clip, and shows their masks.

Started by scripts/demo. Stops every process that it started; the data folder keeps its files for the next run.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backend.domain.errors import MaskletError
from scripts.demonstration.backend import MaskletFailed, MaskletProcess, Model
from scripts.demonstration.checkpoint import REAL_ONE, prepare_checkpoint, print_expectation
from scripts.demonstration.clip import Clip, ClipFailed, prepare_demo_clip, prepare_user_clip
from scripts.demonstration.measure import masks_of_regions, mean_iou
from scripts.demonstration.prediction_wait import (
    FinishedPropagation,
    NoMasks,
    prompt_until_answered,
    wait_for_prediction,
)
from scripts.demonstration.projects import DemoTask, connector_of, make_projects, write_environment
from scripts.demonstration.prompting import click_region
from scripts.label_studio.api import LabelStudioAnswered, LabelStudioApi
from scripts.label_studio.server import LabelStudioFailed, LabelStudioServer

REPOSITORY = Path(__file__).resolve().parents[1]
FAILURES = (LabelStudioFailed, LabelStudioAnswered, MaskletFailed, MaskletError, NoMasks, ClipFailed)


class Stopped(BaseException):
    """Ctrl-C or SIGTERM. Not an Exception, so that no retry loop catches it."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run. masks: non-empty masks read back from Label Studio. Times in seconds. score: Label Studio's,
    1 - uncertainty. uncertainty: per page. mean_iou: None without known truth."""

    task_id: int
    project_id: int
    prediction_id: int
    model: str
    frames: int
    objects: int
    masks: int
    mean_iou: float | None
    first_mask_s: float
    propagate_s: float
    score: float | None
    uncertainty: list[float]


class Demo:
    """One run of the demo with its servers."""

    def __init__(self, data_dir: Path, console: Console, checkpoint: str) -> None:
        """checkpoint: the name of a present one."""
        self.console = console
        self.checkpoint = checkpoint
        self.label_studio = LabelStudioServer(data_dir / "label-studio")
        self.masklet = MaskletProcess(data_dir)
        self.player = self.pages = self.clicked = DemoTask(0, 0)
        self.model = Model("", "", "")
        self.environment = data_dir
        """The file of settings for commands, once the servers run."""

    def start(self) -> None:
        """Starts both servers in parallel and waits for them."""
        with self.console.status("Starting Label Studio and Masklet") as status:
            if self.label_studio.is_first_start:
                status.update("Starting Masklet and Label Studio, which creates its database first (about a minute)")
            self.label_studio.launch()
            self.masklet.launch(
                label_studio_url=self.label_studio.url,
                token=self.label_studio.login.token,
                settings={"MASKLET_MODEL": self.checkpoint},
            )
            self.label_studio.wait()
            self.model = self.masklet.wait()
        self.environment = write_environment(self.label_studio, self.masklet)

    def stop(self) -> None:
        self.masklet.stop()
        self.label_studio.stop()

    def prepare(self, video: Path | None) -> Clip:
        """Prepares the clip's files, or finds them."""
        files = self.label_studio.files
        return prepare_demo_clip(files) if video is None else prepare_user_clip(files, video)

    def run(self, clip: Clip) -> Report:
        """Makes the projects, clicks, waits for the prediction, and reads it back. Raises one of FAILURES."""
        with LabelStudioApi(self.label_studio.url, self.label_studio.login.token) as api:
            with connector_of(self.label_studio, self.masklet) as connector:
                projects = make_projects(api, connector, clip, self.masklet)
            self.player, self.pages, self.clicked = projects.player, projects.pages, projects.clicked
            first_mask_s = self._click(api, projects.backend_id, clip)
            started_s = time.monotonic()
            propagation = self._wait_for_prediction(clip)
            propagate_s = time.monotonic() - started_s
            return self._read_back(api, clip, propagation, first_mask_s=first_mask_s, propagate_s=propagate_s)

    def _click(self, api: LabelStudioApi, backend_id: int, clip: Clip) -> float:
        """Clicks each object once; returns the seconds from the first click to its mask."""
        first_mask_s = 0.0
        for index, click in enumerate(clip.clicks):
            region = click_region(click, clip)
            started_s = time.monotonic()
            prompt_until_answered(lambda region=region: api.ask(backend_id, self.clicked.task_id, region), self.masklet)  # type: ignore[misc]
            if index == 0:
                first_mask_s = time.monotonic() - started_s
        return first_mask_s

    def _wait_for_prediction(self, clip: Clip) -> FinishedPropagation:
        columns = (TextColumn("Masks"), BarColumn(), MofNCompleteColumn(), TextColumn("pages"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            bar = progress.add_task("masks", total=clip.pages)

            def show(done: int, total: int) -> None:
                progress.update(bar, completed=done, total=total or clip.pages)

            return wait_for_prediction(self.masklet, self.clicked.project_id, self.clicked.task_id, show)

    def _read_back(
        self,
        api: LabelStudioApi,
        clip: Clip,
        propagation: FinishedPropagation,
        *,
        first_mask_s: float,
        propagate_s: float,
    ) -> Report:
        """Reads the prediction from Label Studio. Raises NoMasks unless it is the model's only one and has masks."""
        found = [p for p in api.predictions(self.clicked.task_id) if p.model_version == self.model.version]
        if [p.prediction_id for p in found] != [propagation.prediction_id]:
            ids = [p.prediction_id for p in found]
            raise NoMasks(f"Label Studio has predictions {ids}, expected {propagation.prediction_id} alone")
        masks = masks_of_regions(found[0].result)
        if not masks:
            raise NoMasks(f"prediction {propagation.prediction_id} in Label Studio has no masks")
        return Report(
            task_id=self.clicked.task_id,
            project_id=self.clicked.project_id,
            prediction_id=propagation.prediction_id,
            model=self.model.version,
            frames=clip.pages,
            objects=len({label for label, _ in masks}),
            masks=len(masks),
            mean_iou=None if clip.truth is None else round(mean_iou(masks, clip.truth), 4),
            first_mask_s=round(first_mask_s, 3),
            propagate_s=round(propagate_s, 3),
            score=found[0].score,
            uncertainty=[round(value, 4) for value in propagation.uncertainty],
        )


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Stop after the masks are in Label Studio.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report to this file, as JSON.")] = None,
    video: Annotated[Path | None, typer.Option(help="Use this video instead of the demo clip.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            envvar="MASKLET_MODEL",
            help="The checkpoint: tiny, small, base_plus or large, fetched unless it is here; edgetam; sam3; demo; or "
            "auto, the best one here, which is the default.",
        ),
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="The folder of all data.")] = REPOSITORY / "data",
) -> None:
    """Start Label Studio and Masklet, click objects of a clip, and wait for their masks.

    Stays up until Ctrl-C, unless --once is given or there is no terminal. Exit code 0: the masks are in Label Studio.
    """
    console = Console(stderr=True, highlight=False)
    _stop_on_signals()
    try:
        with ExitStack() as stack:
            checkpoint = prepare_checkpoint(model, data_dir.resolve(), console)
            print_expectation(checkpoint, video, console)
            demo_run = Demo(data_dir.resolve(), console, checkpoint)
            stack.callback(demo_run.stop)
            clip = demo_run.prepare(video)
            demo_run.start()
            _print_clip(clip, demo_run.model, console)
            report = demo_run.run(clip)
            if json_file is not None:
                json_file.write_text(json.dumps(asdict(report), indent=1) + "\n")
            _print_report(report, demo_run, console)
            if not once and sys.stdin.isatty():
                _wait_for_stop(demo_run, console)
    except FAILURES as error:
        console.print(f"demo: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except Stopped:
        raise typer.Exit(130) from None


def _stop_on_signals() -> None:
    """Raises Stopped at the first Ctrl-C or SIGTERM; later signals are ignored."""
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()
            raise Stopped

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _print_clip(clip: Clip, model: Model, console: Console) -> None:
    if model.notice:
        console.print(f"{model.notice} A published checkpoint: {REAL_ONE}", style="yellow", soft_wrap=True)
    every = f", every {clip.stride}th frame of the video" if clip.stride > 1 else ""
    console.print(f"Clip: {clip.name}, {clip.pages} pages of {clip.width}x{clip.height}{every}", markup=False)
    if clip.truth is None:
        console.print("One click, in the middle of the first page: the object there is tracked.")


def _print_report(report: Report, demo_run: Demo, console: Console) -> None:
    fit = "" if report.mean_iou is None else f", mean IoU with the true masks {report.mean_iou:.3f}"
    console.print(
        f"{report.masks} masks of {report.objects} objects on {report.frames} pages are in Label Studio{fit}.\n"
        f"First mask after {report.first_mask_s:.1f} s, all of them {report.propagate_s:.1f} s after the last click.",
        soft_wrap=True,
    )
    label_studio = demo_run.label_studio
    player, pages, masks = (
        _address(label_studio, task) for task in (demo_run.player, demo_run.pages, demo_run.clicked)
    )
    console.print(
        f"The player, to try: {player}\n"
        f"Frames as pages, to try: {pages}\n"
        f"The masks, on frames as pages: {masks}\n"
        f"Login: {label_studio.login.username}  Password: {label_studio.login.password}\n"
        f"For masklet commands in another terminal: source {demo_run.environment}",
        markup=False,
        soft_wrap=True,
    )


def _address(label_studio: LabelStudioServer, task: DemoTask) -> str:
    return f"{label_studio.url}/projects/{task.project_id}/data?task={task.task_id}"


def _wait_for_stop(demo_run: Demo, console: Console) -> None:
    """Waits for Ctrl-C. Raises MaskletFailed or LabelStudioFailed if a server stops by itself."""
    console.print("Both servers run until Ctrl-C; your work is kept for the next run.")
    try:
        while True:
            demo_run.masklet.require_alive()
            demo_run.label_studio.require_alive()
            time.sleep(1)
    except Stopped:
        console.print("Stopping.")


if __name__ == "__main__":
    typer.run(demo)
