"""`masklet import`: batches of videos, folders, lists and zips into a Label Studio project."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backend.application.imports.model import ImportMode, ItemState, Reencode
from backend.domain.selection import parse_portion, parse_selection
from backend.interfaces.cli.progress.import_progress import ImportProgress
from backend.interfaces.cli.progress.import_report import open_report

if TYPE_CHECKING:
    from backend.application.imports.progress import Tally
    from backend.bootstrap.imports.batch import BatchOptions


def import_batch(
    sources: Annotated[
        list[str], typer.Argument(help="Videos, folders, globs, a CSV or JSON list, zips of frames, or tasks:3,7-9.")
    ],
    project: Annotated[int, typer.Option(help="The Label Studio project's number.", min=1)],
    *,
    mode: Annotated[ImportMode | None, typer.Option("--as", help="Default: what the label config shows.")] = None,
    select: Annotated[str, typer.Option(help="all, every:N, diverse:N or range:A-B.")] = "all",
    portion: Annotated[str, typer.Option(help="Part of each video, as shares of its length.")] = "0-1",
    segment: Annotated[
        int | None,
        typer.Option(help="Cut videos into tasks of so many pages; default: 100; 0: do not.", min=0),
    ] = None,
    overlap: Annotated[int, typer.Option(help="Frames that neighbouring segments share.", min=0)] = 1,
    carry: Annotated[bool, typer.Option(help="Offer a segment's last masks to the next one.")] = True,
    certainty: Annotated[float, typer.Option(help="Below it the next segment asks for a person.")] = 0.5,
    prompts: Annotated[str, typer.Option(help="Where prompts come from; see docs/batches.md.")] = "",
    find: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT[=LABEL]", help="Find objects by a text, such as 'red car=Car'; docs/detector.md."),
    ] = None,
    find_score: Annotated[
        float | None, typer.Option(help="The least score of what is found; default: the detector's.", min=0, max=1)
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A further field of the tasks' data; of labels: NAME=Cat,Dog."),
    ] = None,
    start: Annotated[bool, typer.Option(help="Have tasks with prompts carried at once.")] = True,
    pages: Annotated[str, typer.Option(help="Where the pages are: backend, local or s3.")] = "backend",
    local_root: Annotated[Path | None, typer.Option(help="Label Studio's root of local files.")] = None,
    s3: Annotated[str, typer.Option(help="s3://bucket/prefix for --pages s3.")] = "",
    media_url: Annotated[str, typer.Option(help="Where browsers reach Masklet; default: MASKLET_PUBLIC_URL.")] = "",
    expire: Annotated[int, typer.Option(help="Days until the addresses end; 0: never.", min=0)] = 365,
    reencode: Annotated[
        Reencode,
        typer.Option(help="Import a copy that browsers play: of videos that they do not play, of all, of none."),
    ] = Reencode.AUTO,
    label_studio_url: Annotated[str | None, typer.Option(help="Default: LABEL_STUDIO_URL.")] = None,
    api_key: Annotated[str | None, typer.Option(help="Default: LABEL_STUDIO_API_KEY, which ps does not show.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write what became of each item here (JSON lines).")] = None,
) -> None:
    """Make a task for every SOURCE that has none yet. What is there already is left as it is."""
    from backend.bootstrap.imports.batch import BatchOptions

    options = BatchOptions(
        project,
        mode,
        parse_selection(select),
        parse_portion(portion),
        segment=segment,
        overlap=overlap,
        carry=carry,
        certainty=certainty,
        pages=pages,
        local_root=local_root,
        bucket=s3,
        public_url=media_url,
        expire_days=expire,
        prompts=prompts,
        find=tuple(find or ()),
        find_score=find_score,
        fields=tuple(data or ()),
        reencode=reencode,
        starts=start,
        label_studio_url=label_studio_url,
        api_key=api_key,
    )
    tally = _run(sources, options, report)
    if tally.of(ItemState.FAILED):
        raise typer.Exit(1)


def with_reencode_value(arguments: Sequence[str]) -> list[str]:
    """The command line of `masklet`, with a value for an --reencode without one."""
    values = {mode.value for mode in Reencode}
    return [
        f"--reencode={Reencode.ALWAYS}" if word == "--reencode" and after not in values else word
        for word, after in zip_longest(arguments, arguments[1:])
    ]


def _run(sources: list[str], options: BatchOptions, report: Path | None) -> Tally:
    from backend.bootstrap.imports.batch import open_batch
    from backend.interfaces.cli.progress.bars import progress_bars

    console = Console(stderr=True)
    with ExitStack() as stack:
        written = stack.enter_context(open_report(report))
        bars = stack.enter_context(progress_bars(console))
        progress = ImportProgress(console, bars, written.outcome)
        batch = stack.enter_context(open_batch(sources, options, progress))
        for warning in batch.warnings:
            console.print(f"warning: {warning}", markup=False, highlight=False)
        progress.begin(len(batch.sources))
        tally = batch.run(progress.outcome)
    console.print(_sentence(tally, options.project_id), highlight=False, soft_wrap=True)
    return tally


def _sentence(tally: Tally, project: int) -> str:
    parts = [f"{tally.of(state)} {state.value}" for state in ItemState if tally.of(state)]
    return f"Project {project}: {', '.join(parts) or 'nothing to do'}."
