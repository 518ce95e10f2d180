"""Guards the engine's speed: the ratio to upstream's predictor, in processor time, against the recorded one.

    ./scripts/engine_guard [--record] [--rounds N] [--json FILE]

Both sides track objects with the demo model in one process, with one thread, frame by frame in turn. A ratio is the
median over the frames of upstream's processor time over ours: other work on the machine slows both sides alike. The
record has ratios for each kind of processor, because the gain of wide vectors differs; a processor without a record is
held to the lowest ones, less strictly. A ratio that is more than a share of TOLERANCE below the record is measured
again, longer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from backend.application.ports.engine import NeverCancelled
from backend.domain.video import Direction
from scripts.benchmarks.engine_figures.models import Pair, demo_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE
from scripts.benchmarks.engine_figures.upstream import UpstreamSession
from scripts.commit import commit

RECORD = Path(__file__).with_name("guard.json")
TOLERANCE = 0.15
UNKNOWN_TOLERANCE = 0.3
"""The share for a processor without a record. The two on record differ by 0.18 in the ratio for five objects."""

FRAMES: Mapping[int, int] = {1: 48, 5: 28}
"""Frames of a round by the count of objects."""

SETTLED = 8
"""The first frames are not counted: memories are few, and each kernel is chosen at its first call."""

Measure = Callable[[int, int], float]
"""The ratio for a count of objects, measured over a count of frames."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A ratio below its floor. objects: the count of objects."""

    objects: int
    measured: float
    recorded: float

    def __str__(self) -> str:
        return (
            f"{self.objects} object(s): upstream takes {self.measured:.2f} times our processor time, "
            f"{self.recorded:.2f} on record: find what slowed the engine down, or record the ratio with "
            "./scripts/engine_guard --record"
        )


def ratio(pair: Pair, objects: int, frames: int) -> float:
    """Upstream's processor time over ours with the demo model."""
    video, prompts = PanningVideo(frames, VIDEO_SIZE), boxes(objects, frame=0)
    ours = pair.another_engine().propagate(video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled())
    return median_ratio(ours, _upstream_masks(pair, video, objects), frames)


def median_ratio(ours: Iterator[object], theirs: Iterator[object], frames: int) -> float:
    """The median over the frames, after the first SETTLED, of their processor time over ours."""
    ratios: list[float] = []
    for frame in range(frames):
        # The sides change places, so that neither always finds the other's data in the processor's cache.
        sides = (ours, theirs) if frame % 2 else (theirs, ours)
        taken = {id(side): _processor_s(side) for side in sides}
        if frame >= SETTLED:
            ratios.append(taken[id(theirs)] / taken[id(ours)])
    return statistics.median(ratios)


def losses(measure: Measure, recorded: Mapping[int, float], tolerance: float = TOLERANCE) -> list[Loss]:
    """The counts of objects whose ratio is below the floor, also in a second measurement of three times the frames."""
    found: list[Loss] = []
    for objects, expected in recorded.items():
        floor = expected * (1 - tolerance)
        measured = measure(objects, FRAMES[objects])
        if measured < floor:
            measured = measure(objects, FRAMES[objects] * 3)
        if measured < floor:
            found.append(Loss(objects, measured, expected))
    return found


def recorded_ratios(path: Path = RECORD, processor: str | None = None) -> tuple[dict[int, float], float]:
    """The ratios on record by count of objects, and the tolerance: of this processor, or the lowest of all."""
    records = json.loads(path.read_text(encoding="utf-8"))
    own = records.get(processor or processor_name())
    compared = [own] if own else list(records.values())
    ratios = {objects: min(each["ratios"][str(objects)] for each in compared) for objects in FRAMES}
    return ratios, TOLERANCE if own else UNKNOWN_TOLERANCE


def record(ratios: Mapping[int, float], path: Path = RECORD) -> None:
    """Puts this processor's ratios on record, with commit, date and torch's version."""
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    records[processor_name()] = {
        "ratios": {str(objects): round(value, 3) for objects, value in ratios.items()},
        "commit": commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def processor_name() -> str:
    """The processor's model name as Linux tells it; `unknown` elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the ratios. Returns 1 for a loss."""
    parser = argparse.ArgumentParser(prog="engine_guard", description="The engine's speed against its record.")
    parser.add_argument("--record", action="store_true", help="put the median of the rounds on record")
    parser.add_argument("--rounds", type=int, default=1, help="measurements of each ratio; default: 1")
    parser.add_argument("--json", type=Path, help="write the ratios to this file")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    pair = demo_pair(torch.device("cpu"))
    rounds = {objects: [ratio(pair, objects, FRAMES[objects]) for _ in range(given.rounds)] for objects in FRAMES}
    ratios = {objects: statistics.median(found) for objects, found in rounds.items()}
    for objects, found in rounds.items():
        print(f"{objects} object(s): {ratios[objects]:.3f} (rounds: {', '.join(f'{value:.3f}' for value in found)})")
    if given.json:
        given.json.write_text(json.dumps({str(key): value for key, value in ratios.items()}) + "\n", encoding="utf-8")
    if given.record:
        record(ratios)
        return 0
    lost = losses(partial(ratio, pair), *recorded_ratios())
    print("\n".join(map(str, lost)) or "as fast as on record")
    return int(bool(lost))


def _upstream_masks(pair: Pair, video: PanningVideo, objects: int) -> Iterator[object]:
    session = UpstreamSession(pair.predictor, video, precision=pair.precision)
    session.prompt(boxes(objects, frame=0))
    for _, _, logits in session.steps():
        yield (logits > 0).cpu()


def _processor_s(side: Iterator[object]) -> float:
    started = time.process_time()
    next(side)
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
