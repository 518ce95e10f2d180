"""The command: `./scripts/containers up|test|down`, and test with several hosts."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import httpx
import typer

from scripts.container_runs.base_images import prepare_base_images, prepare_object_store
from scripts.container_runs.engine import REPOSITORY, ContainersFailed, Engine, docker_engine, say
from scripts.container_runs.hosts.clips import prepare_batch
from scripts.container_runs.hosts.layout import OBJECT_STORE_IMAGE, application_of
from scripts.container_runs.hosts.layout import settings as hosts_settings
from scripts.container_runs.hosts.proof import Batch, run_trial
from scripts.container_runs.main_job import run_main_job
from scripts.container_runs.podman import podman_engine
from scripts.container_runs.stack import Stack

STATE = REPOSITORY / "build" / "containers"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu/torch/"
STOPPED = ("web", "interactive", "propagate")
KILLED = 137
"""The exit status of a process that ended by SIGKILL."""

LEAST_WORKERS = 2

commands = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@commands.command()
def up() -> None:
    """Build the images, start the containers, and wait until all are healthy."""
    stack = _started(_engine())
    settings = stack.settings
    say(
        f"Label Studio: {settings['LABEL_STUDIO_HOST']}, login admin@example.com with LABEL_STUDIO_PASSWORD in "
        f"{STATE / 'compose.env'}. Take it away: ./scripts/containers down"
    )


@commands.command("test")
def try_them(
    *,
    hosts: Annotated[
        int,
        typer.Option(help="Hosts that share no disk, a worker on each but the first; 0: docker-compose.yml as it is."),
    ] = 0,
    clips: Annotated[int, typer.Option(min=1, help="With --hosts: clips of the batch.")] = 60,
    frames: Annotated[int, typer.Option(min=16, help="With --hosts: frames of a clip.")] = 120,
    seed: Annotated[int, typer.Option(help="With --hosts: of the order and the times of the faults.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to this file, as JSON.")] = None,
) -> None:
    """Start the containers, run the main job with every container killed once, and take them away.

    With --hosts: pre-annotate a batch while hosts, services and networks fail, and compare with one machine.
    """
    engine = _engine()
    if hosts:
        _try_hosts(engine, hosts - 1, Batch(clips, frames, seed), json_file)
        return
    stack = Stack(engine, STATE, say)
    try:
        stack = _started(engine)
        with stack.keep_checking():
            result = run_main_job(stack, say)
        for service in STOPPED:
            status = stack.stop(service)
            stack.start(service)
            if status == KILLED:
                raise ContainersFailed(f"{service} did not stop within its stop_grace_period")
        sizes = {image: stack.image_mb(image) for image in ("masklet-web", "masklet-worker-cpu")}
    finally:
        say("taking the containers away")
        stack.down()
    report = {"engine": engine.name, **asdict(result), "image_mb": sizes}
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")
    say(
        f"{result.masks} masks of {result.objects} objects on {result.pages} pages are in Label Studio, mean IoU "
        f"{result.mean_iou:.3f}; killed on the way: {', '.join(result.killed)}. Images, MB: {sizes}"
    )


@commands.command()
def down() -> None:
    """Remove containers, networks and volumes. Images stay, for the next run."""
    Stack(_engine(), STATE, say).down()
    say(f"images and the clip stay in {STATE}")


def _try_hosts(engine: Engine, workers: int, batch: Batch, json_file: Path | None) -> None:
    """Raises ContainersFailed if a clip was lost, is there twice, or has other masks than on one machine."""
    if workers < LEAST_WORKERS:
        raise ContainersFailed(f"--hosts {workers + 1}: at least {LEAST_WORKERS + 1}, for the work of a lost worker")
    _build(engine)
    prepare_object_store(engine, STATE, OBJECT_STORE_IMAGE)
    say(f"making {batch.clips} clips of {batch.frames} frames")
    folder = prepare_batch(STATE / "files", clips=batch.clips, frames=batch.frames)
    stack = Stack(engine, STATE, say, application_of(STATE, workers=workers, batch=folder))
    stack.configure(hosts_settings())
    stack.down()
    try:
        say("starting the hosts")
        stack.up()
        with stack.keep_checking():
            result = run_trial(stack, workers, batch, say)
    finally:
        say("taking the hosts away")
        stack.down()
    report = {"engine": engine.name, **asdict(result)}
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")
    say(json.dumps({key: value for key, value in report.items() if not isinstance(value, list)}))
    if not result.is_good:
        raise ContainersFailed("the batch on several hosts is not that of one machine; see lost, doubled and identical")


def _engine() -> Engine:
    STATE.mkdir(parents=True, exist_ok=True)
    engine = docker_engine() or podman_engine(STATE, say)
    free_gb = shutil.disk_usage(STATE).free / 1e9
    say(f"{engine.name} runs the containers; {free_gb:.0f} GB are free")
    return engine


def _started(engine: Engine) -> Stack:
    stack = _build(engine)
    say("starting the containers")
    stack.up()
    return stack


def _build(engine: Engine) -> Stack:
    """The images of docker-compose.yml."""
    prepare_base_images(engine, STATE, say)
    stack = Stack(engine, STATE, say)
    stack.configure({"MASKLET_TORCH": _torch()})
    say(f"building masklet-web and masklet-worker-cpu (minutes at first; log: {stack.log})")
    stack.build()
    _require_no_torch(engine)
    return stack


def _torch() -> str:
    """The builds of PyTorch for the workers: for the CPU, or the larger ones where their index cannot be reached."""
    try:
        httpx.head(TORCH_CPU_INDEX, timeout=20.0, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as error:
        say(f"{TORCH_CPU_INDEX} gives no builds for the CPU ({error}): the workers' image gets the CUDA builds of PyPI")
        return "cuda"
    return "cpu"


def _require_no_torch(engine: Engine) -> None:
    program = (
        "import importlib.util as u, backend.interfaces.page_process; "
        "raise SystemExit(any(u.find_spec(n) for n in ('torch', 'sam2')))"
    )
    if not engine.succeeds("run", "--rm", "--network", "none", "masklet-web", "python", "-c", program):
        raise ContainersFailed("masklet-web has torch or sam2, or cannot cut pages from videos")


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        commands()
    except ContainersFailed as error:
        say(str(error))
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
