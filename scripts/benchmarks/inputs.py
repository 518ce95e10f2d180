"""Compares what Chromium shows of generated videos and pictures with what Masklet reads and where its masks are.

    ./scripts/bench inputs [--json FILE] [--only TEXT] [--keep FOLDER]

Each picture of an input has its number and a marker painted in. An input is compared as it is, from one address for
browser and worker, and as `masklet import` takes it in. `agree`: every number is the same, and a mask on the marker is
where the browser shows it. `refused`: Masklet names a remedy, and after it they agree. `wrong`: anything else. The exit
status is 1 if any is wrong or if there are fewer than 60 inputs.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.bootstrap.container import Container
from backend.bootstrap.web import open_media_service
from backend.domain.errors import InvalidInput
from scripts.benchmarks.input_set.browser import open_chromium
from scripts.benchmarks.input_set.damage import damaged_inputs
from scripts.benchmarks.input_set.judge import Judge
from scripts.benchmarks.input_set.masklet import MaskletSide
from scripts.benchmarks.input_set.model import Input, Row, Verdict
from scripts.benchmarks.input_set.names import named_inputs
from scripts.benchmarks.input_set.pictures import picture_inputs
from scripts.benchmarks.input_set.server import serving
from scripts.benchmarks.input_set.videos import video_inputs

FEWEST = 60


def every_input() -> list[Input]:
    return [*video_inputs(), *damaged_inputs(), *picture_inputs(), *named_inputs()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares all inputs, prints a line for each and the counts; returns the exit status."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR)
    os.environ["SVT_LOG"] = "0"  # the encoder of AV1 writes to stderr
    chosen = [each for each in every_input() if given.only in each.name]
    rows = []
    try:
        with tempfile.TemporaryDirectory() as temporary:
            for row in judged(chosen, given.keep or Path(temporary)):
                rows.append(row)
                print(f"{row.verdict:8} {row.name}{f': {row.reason}' if row.reason else ''}", flush=True)
    except InvalidInput as error:
        sys.exit(f"bench inputs: {error}")
    report = summary(rows)
    print("  ".join(f"{verdict} {report[verdict]}" for verdict in ("inputs", *Verdict)))
    if given.json:
        document = {**report, "rows": [row.document() for row in rows]}
        given.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if report[Verdict.WRONG] or (not given.only and len(rows) < FEWEST) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench inputs", description="Do browser and Masklet show the same frames?")
    parser.add_argument("--json", type=Path, help="write the rows and the counts to this file")
    parser.add_argument("--only", default="", help="only the inputs with this text in their name")
    parser.add_argument("--keep", type=Path, help="make the inputs in this folder and leave them there")
    return parser


def judged(inputs: Sequence[Input], root: Path) -> Iterator[Row]:
    """The rows of the inputs, made below root. Raises InvalidInput if Chromium is missing."""
    os.environ["MASKLET_DATA_DIR"] = str(root / "data")  # of the processes that cut pages, too
    container = Container.from_environment()
    media = open_media_service(container)
    files = root / "files"
    try:
        with serving(files, media) as server_url, open_chromium(server_url) as chromium:
            judge = Judge(chromium, MaskletSide(container, server_url), server_url, files)
            for number, each in enumerate(inputs):
                yield judge.judge(each, files / f"{number:03}")
    finally:
        media.close()


def summary(rows: Sequence[Row]) -> dict[str, int]:
    """The count of inputs, and of each verdict."""
    counts = Counter(row.verdict for row in rows)
    return {"inputs": len(rows), **{str(verdict): counts[verdict] for verdict in Verdict}}


if __name__ == "__main__":
    sys.exit(main())
