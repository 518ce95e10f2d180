"""Measures the export of 10,000 masks to every format: masks per second, per CPU second, and memory.

    ./scripts/bench export [--json FILE] [--masks N] [--format NAME ...]

Makes a folder as `masklet propagate` writes it, without the PNGs (export does not read them): two crossing objects on
320x240 frames, and a video of the same length. Each format runs in its own process. Peak memory is reported for the
whole video and for a tenth of it: growth with the length is a leak.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TypedDict

import av
import numpy as np

from backend.adapters.media.cache import file_hash
from backend.bootstrap.export import ExportOrder, run_export
from backend.codecs.coco_rle import encode_mask
from backend.domain.datasets import FormatName
from backend.domain.geometry import BoolMask

WIDTH, HEIGHT = 320, 240
OBJECTS = ("near", "far")
DISTINCT = 251
"""Distinct masks per object, which then repeat; drawing a mask takes longer than exporting it."""

WITHOUT_FRAMES = frozenset(("davis", "sav", "youtubevis", "coco", "mot", "mots", "yolo", "yolo-seg", "labelstudio"))
"""Formats with optional frames, which are measured without them: JPEG encoding is not part of the figure."""


class Timing(TypedDict):
    format: str
    masks: int
    seconds: float
    masks_per_s: float
    masks_per_cpu_s: float
    files: int
    mib: float
    peak_mib: float
    peak_of_a_tenth_mib: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Export: masks per second and memory, for every format.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--masks", type=int, default=10_000, help="how many masks; default: 10000")
    parser.add_argument("--format", nargs="*", choices=tuple(FormatName), default=tuple(FormatName), help="only these")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        return export_one(*options.one)
    timings = list(measured(options.masks // len(OBJECTS), options.format))
    if options.json:
        figures = {"machine": platform.machine(), "python": platform.python_version(), "timings": timings}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def measured(frames: int, names: Sequence[str]) -> Iterator[Timing]:
    with labelled(frames) as whole, labelled(frames // 10) as tenth:
        for name in names:
            timing = measure(name, whole, tenth)
            print(line_of(timing), flush=True)
            yield timing


def line_of(timing: Timing) -> str:
    return (
        f"{timing['format']:<12} {timing['masks_per_s']:8.0f} masks/s  "
        f"{timing['masks_per_cpu_s']:8.0f} masks/CPU s  {timing['seconds']:7.1f} s  "
        f"{timing['files']:6d} files  {timing['mib']:7.1f} MiB  peak {timing['peak_mib']:6.1f} MiB  "
        f"(a tenth of it: {timing['peak_of_a_tenth_mib']:6.1f} MiB)"
    )


def measure(name: str, whole: Path, tenth: Path) -> Timing:
    seconds, cpu_s, masks, files, size, peak = exported(name, whole)
    return {
        "format": name,
        "masks": int(masks),
        "seconds": round(seconds, 2),
        "masks_per_s": round(masks / seconds, 1),
        "masks_per_cpu_s": round(masks / cpu_s, 1),
        "files": int(files),
        "mib": round(size / 2**20, 1),
        "peak_mib": round(peak / 2**10, 1),
        "peak_of_a_tenth_mib": round(exported(name, tenth)[5] / 2**10, 1),
    }


def exported(name: str, source: Path) -> tuple[float, float, float, float, float, float]:
    """Seconds, CPU seconds, masks, files, bytes and peak KiB of an export in its own process."""
    with tempfile.TemporaryDirectory(prefix="masklet-bench-") as folder:
        command = [sys.executable, "-P", "-m", "scripts.benchmarks.export", "--one", name, str(source), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, cpu_s, masks, files, size, peak = (float(value) for value in done.stdout.split())
    return seconds, cpu_s, masks, files, size, peak


def export_one(name: str, source: str, folder: str) -> int:
    """Exports in this process and prints the figures."""
    videos = [] if name in WITHOUT_FRAMES else [Path(source).parent / "clip.mp4"]
    order = ExportOrder([source], name, Path(folder) / "out", videos=videos)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    done = run_export(order)
    seconds, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    files = [path for path in (Path(folder) / "out").rglob("*") if path.is_file()]
    print(seconds, cpu_s, done.masks, len(files), sum(path.stat().st_size for path in files), peak_kib())
    return 0


def peak_kib() -> int:
    """This process's peak resident memory in KiB; getrusage would report a larger peak of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@contextmanager
def labelled(frames: int) -> Iterator[Path]:
    """A folder of masks beside its video; yields the folder."""
    with tempfile.TemporaryDirectory(prefix="masklet-bench-") as root:
        video = Path(root) / "clip.mp4"
        write_video(video, frames)
        folder = Path(root) / "masks"
        folder.mkdir()
        write_masks(folder, file_hash(video), frames)
        yield folder


def write_video(path: Path, frames: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), 40 + index % 160, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write_masks(folder: Path, sha256: str, frames: int) -> None:
    """Writes masklets.json and summary.json, mask by mask."""
    video = {"sha256": sha256, "width": WIDTH, "height": HEIGHT, "frame_count": frames, "frame_rate": 30.0}
    (folder / "summary.json").write_text(json.dumps({"video": "clip.mp4", "model": "bench"}))
    with (folder / "masklets.json").open("w") as out:
        out.write(f'{{"video": {json.dumps(video)}, "model": "bench", "masklets": [')
        for number, name in enumerate(OBJECTS):
            masks = [encode_mask(disc(index, number)) for index in range(DISTINCT)]
            head = json.dumps({"id": name, "label": name, "folder": name})[:-1]
            out.write(f'{", " if number else ""}{head}, "frames": [')
            for index in range(frames):
                mask = masks[index % DISTINCT]
                segmentation = {"size": [mask.height, mask.width], "counts": mask.counts}
                record = {"frame": index, "origin": "propagated", "uncertainty": 0.1, "segmentation": segmentation}
                out.write((", " if index else "") + json.dumps(record))
            out.write("]}")
        out.write("]}")


def disc(index: int, number: int) -> BoolMask:
    """A swinging disc with a ragged edge, bool [H, W]; the second object swings in the opposite phase."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    swing = np.sin(index / DISTINCT * 2 * np.pi + number * np.pi) * 90
    angle = np.arctan2(y - 120, x - 160 - swing)
    radius = (40 + 15 * number) * (1 + 0.08 * np.sin(9 * angle + index / 5))
    inside: BoolMask = (x - 160 - swing) ** 2 + (y - 120) ** 2 < radius**2
    return inside


if __name__ == "__main__":
    sys.exit(main())
