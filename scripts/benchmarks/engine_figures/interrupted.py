"""A propagation that survives SIGKILL: `python -m ... interrupted FOLDER FRAMES EVERY`.

Each mask with its evidence is one line of FOLDER/masks.jsonl. Every EVERY frames the file is synced; then a snapshot of
the engine with the file's length replaces the last snapshot by rename. A restart truncates the file to that length and
resumes. Prints one line per frame, so that the caller can time a kill.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from backend.application.ports.engine import NeverCancelled
from backend.codecs.coco_rle import CocoCodec
from backend.domain.masklets import FrameMasks
from backend.domain.video import Direction
from scripts.benchmarks.engine_figures.models import demo_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE

OBJECTS = 2
_LENGTH_BYTES = 8


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="interrupted", description="A propagation that can be killed.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("frames", type=int)
    parser.add_argument("every", type=int)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    propagate(given.folder, frames=given.frames, every=given.every)


def propagate(folder: Path, *, frames: int, every: int) -> None:
    """Propagates from the last snapshot, or from the start, to the end."""
    length, state = last_snapshot(folder)
    engine = demo_pair(torch.device("cpu")).engine
    video = PanningVideo(frames, VIDEO_SIZE)
    masks = engine.propagate(
        video, boxes(OBJECTS, frame=frames // 3), direction=Direction.BOTH, cancel=NeverCancelled(), resume=state
    )
    with masks_path(folder).open("ab") as file:
        file.truncate(length)
        file.seek(length)
        for item in masks:
            file.write(lines_of(item))
            if masks.done % every == 0:
                file.flush()
                os.fsync(file.fileno())
                save_snapshot(folder, file.tell(), masks.snapshot())
            print(item.frame_index, flush=True)
        file.flush()


def lines_of(masks: FrameMasks) -> bytes:
    """A frame's masks as run lengths with their exact evidence, one line per object."""
    codec = CocoCodec()
    lines = [
        json.dumps(
            [masks.frame_index, item.object_id, codec.encode(item.mask).counts, repr(item.evidence), item.origin]
        )
        for item in masks.objects
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def save_snapshot(folder: Path, length: int, state: bytes) -> None:
    """Replaces the snapshot atomically."""
    draft = folder / "snapshot.part"
    with draft.open("wb") as file:
        file.write(length.to_bytes(_LENGTH_BYTES) + state)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / "snapshot")


def last_snapshot(folder: Path) -> tuple[int, bytes | None]:
    """The length of the mask file at the last snapshot, in bytes, and the snapshot; 0 and None without one."""
    path = folder / "snapshot"
    if not path.exists():
        return 0, None
    body = path.read_bytes()
    return int.from_bytes(body[:_LENGTH_BYTES]), body[_LENGTH_BYTES:]


def masks_path(folder: Path) -> Path:
    return folder / "masks.jsonl"


if __name__ == "__main__":
    main()
