"""Measures how ledger, queue and store carry many workers. The engine is a timed stand-in: no model runs.

    ./scripts/bench fleet [--json FILE] [--workers 1,2,…] [--frame-ms N] [--seconds N] [--stores s3,file]

A simulated worker is the real worker process with a data folder of its own; only engine and media are stand-ins: a
frame takes --frame-ms and no processor, and has the masks of two discs at 960×540. Ledger: PostgreSQL. Queue: Valkey.
Stores: an S3-compatible server on this machine, and a folder. There are always more jobs than workers, of 12 to 20
frames.
`to_linear` is the throughput beside that of one worker times their number. Where `cpu_busy` is near 1, the machine's
processor is the limit, not ledger, queue or store.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.benchmarks.fleet_simulation.point import Figures, Load, measure_point
from scripts.benchmarks.fleet_simulation.services import STORES
from scripts.commit import commit

WORKERS = "1,2,4,8,16,32,64"
LINEAR = 0.9
BUSY = 0.85
STAND_IN = "the engine is a stand-in: it waits, and no model runs"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    if not set(given.stores.split(",")) <= set(STORES):
        parser.error(f"--stores: choose of {', '.join(STORES)}")
    counts = sorted({int(count) for count in given.workers.split(",")})
    load = Load(given.frame_ms / 1000, given.seconds)
    stores: dict[str, object] = {}
    print(STAND_IN)
    with tempfile.TemporaryDirectory(prefix="masklet-fleet-") as folder:
        for store in given.stores.split(","):
            points: list[Figures] = []
            for count in counts:
                point = measure_point(Path(folder) / f"{store}-{count}", store, count, load)
                points.append(_with_linear(point, (points or [point])[0]))
                print(f"{store}: {json.dumps(points[-1])}", flush=True)
            bends = bend(points)
            stores[store] = {"points": points, "bends": bends}
            print(f"{store}: {json.dumps(bends)}", flush=True)
    report = {
        "engine": STAND_IN,
        "frame_ms": given.frame_ms,
        "seconds": given.seconds,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "stores": stores,
    }
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _with_linear(point: Figures, first: Figures) -> Figures:
    """With `to_linear`: beside the first point, which is of the fewest workers."""
    return {**point, "to_linear": round(_per_worker(point) / max(_per_worker(first), 1e-9), 3)}


def _per_worker(point: Figures) -> float:
    return _number(point, "frames_per_s") / _number(point, "workers")


def bend(points: Sequence[Figures]) -> Figures:
    """The first count of workers whose throughput is below LINEAR of linear, and what is known of the cause."""
    for point in points:
        if _number(point, "to_linear") < LINEAR:
            return {"at_workers": point["workers"], "cause": _cause(point)}
    return {"at_workers": None, "cause": ""}


def _cause(point: Figures) -> str:
    if not point["jobs_waiting"]:
        return "no jobs were left: the figure says nothing"
    is_processor = _number(point, "cpu_busy") >= BUSY
    return "the machine's processor is busy" if is_processor else "not the processor: see the latencies"


def _number(point: Mapping[str, object], name: str) -> float:
    value = point[name]
    assert isinstance(value, int | float), name
    return float(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench fleet", description="Ledger, queue and store with many workers.")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--workers", default=WORKERS, help="counts of simulated workers")
    parser.add_argument("--frame-ms", type=float, default=500.0, help="the time of a frame of the stand-in")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each count is watched")
    parser.add_argument("--stores", default=",".join(STORES), help="s3, file, or both")
    return parser


if __name__ == "__main__":
    sys.exit(main())
