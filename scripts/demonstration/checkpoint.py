"""The demo's checkpoint: fetched before any server starts. Without it the demo runs with the demo model."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from backend.adapters.sam2.weights.checkpoint_files import DEMO
from backend.adapters.sam2.weights.checkpoints import PUBLISHED
from backend.bootstrap.models import present_model, pull_model
from backend.domain.errors import IntegrityError, ModelError
from backend.interfaces.cli.progress.bars import download_bar

REAL_ONE = "./scripts/demo --model tiny"
"""The command that fetches a published checkpoint and uses it."""


def prepare_checkpoint(wanted: str | None, data_dir: Path, console: Console) -> str:
    """The name of the checkpoint to run, with its files present.

    wanted: a name, or None for the settings' choice. A published one is fetched, or the rest of it, and checked. If
    that fails, says why in one sentence and returns the demo model. Raises ModelError for an unknown name.
    """
    if wanted is None or wanted not in PUBLISHED:
        return present_model(wanted, data_dir=data_dir)
    try:
        _fetch(wanted, data_dir, console)
    except (ModelError, IntegrityError) as error:
        console.print(f"The demo model runs in place of {wanted}: {error}", markup=False, soft_wrap=True)
        return DEMO
    return wanted


def print_expectation(model: str, video: Path | None, console: Console) -> None:
    """Says what the demo model makes of a user's video, and how to get a real one."""
    if model == DEMO and video is not None:
        console.print(
            "The demo model was trained on drawn clips: expect poor masks on real footage. "
            f"A published checkpoint is fetched and used by: {REAL_ONE} --video {video}",
            markup=False,
            soft_wrap=True,
        )


def _fetch(name: str, data_dir: Path, console: Console) -> None:
    file_name = PUBLISHED[name].file_name
    with download_bar(console) as bars:
        bar = bars.add_task(file_name, total=None, visible=False)
        is_announced = False

        def show(done: int, total: int) -> None:
            nonlocal is_announced
            if not is_announced and not console.is_terminal:
                console.print(f"Fetching {file_name}", markup=False)
            is_announced = True
            bars.update(bar, completed=done, total=total or None, visible=True)

        pull_model(name, show, data_dir=data_dir)
