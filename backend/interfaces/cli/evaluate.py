"""`masklet eval`: how good a checkpoint is on the held-out generated clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.interfaces.cli.progress.command_bar import command_bar


def evaluate(
    name: Annotated[str, typer.Argument(help="A checkpoint's name.")] = "demo",
    *,
    clips: Annotated[int | None, typer.Option(help="How many held-out clips; default: all.", min=1)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures here.")] = None,
) -> None:
    """Measure a checkpoint: prompts, propagation, occlusion, presence, and whether prompts and memory count."""
    from backend.bootstrap.evaluation import evaluate_checkpoint

    console = Console()
    with command_bar(f"eval {name}"):
        figures = evaluate_checkpoint(name, clips)
    table = Table("figure", "value")
    for key, value in figures.items():
        table.add_row(key, f"{value:.4f}" if isinstance(value, float) else str(value))
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
