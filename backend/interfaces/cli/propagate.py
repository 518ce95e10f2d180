"""`masklet propagate`: masks for one video, without Label Studio and without a queue."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backend.domain.errors import PromptError
from backend.domain.selection import range_text
from backend.domain.video import Direction

if TYPE_CHECKING:
    from backend.application.worker.offline import Summary

DEMO_WARNING = "The demo model made these masks: it shows how Masklet works and is not for real work."


def propagate(
    video: Annotated[Path, typer.Argument(help="The video file, or a folder of pictures.", exists=True)],
    prompts: Annotated[Path, typer.Option(help="The prompt file (JSON).", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not hold anything yet.")],
    *,
    model: Annotated[str | None, typer.Option(help="Checkpoint; default: MASKLET_MODEL.")] = None,
    direction: Annotated[Direction, typer.Option(help="Which way to carry the masks.")] = Direction.BOTH,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in OUT.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the summary here.")] = None,
) -> None:
    """Carry the prompts of PROMPTS through VIDEO and write the masks of every frame to OUT."""
    from backend.application.annotation.prompt_record import prompts_record
    from backend.bootstrap.offline import mask_output, open_offline
    from backend.bootstrap.prompt_files import read_prompt_file
    from backend.interfaces.cli.progress.bars import progress_bars

    console = Console(stderr=True)
    prompt_set = read_prompt_file(prompts)
    with open_offline(video, model) as offline, mask_output(out, overwrite=overwrite) as folder:
        info, model_info = offline.video.info, offline.segmenter.model
        if not any(prompt.has_positive for prompt in prompt_set):
            raise PromptError(f"{prompts} has only negative clicks; say where the objects are")
        with progress_bars(console) as progress:
            task = progress.add_task(f"{model_info.name} on {model_info.device}", total=info.frame_count)
            summary = offline.propagate(
                prompt_set, folder, direction=direction, on_frame=lambda _: progress.advance(task)
            )
        document = summary_document(summary, model=model_info.version, video=video)
        folder.finish(info, prompt_set.labels, {**document, "prompts": prompts_record(prompt_set)})
    if json_file is not None:
        json_file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    console.print(_sentence(summary, out), highlight=False, soft_wrap=True)
    if summary.undecodable:
        held = range_text(summary.undecodable)
        console.print(f"These frames do not decode; their masks are of the picture before them: {held}.")
    if info.truncated:
        console.print(f"The file ends early; its first {info.frame_count} frames were used.")
    if model_info.is_demo:
        console.print(DEMO_WARNING)


def summary_document(summary: Summary, *, model: str, video: Path) -> dict[str, object]:
    """The summary as written to summary.json. An export finds the video by its path, and checks its content."""
    return {"video": video.name, "video_path": str(video.absolute()), "model": model, **asdict(summary)}


def _sentence(summary: Summary, out: Path) -> str:
    text = (
        f"{summary.masks} masks of {summary.objects} object{'s' * (summary.objects != 1)} on {summary.frames} frames "
        f"in {summary.seconds:.1f} s, in {out}."
    )
    if summary.worst_frame is not None:
        text += f" Look first at frame {summary.worst_frame} (uncertainty {summary.uncertainty:.2f})."
    return text
