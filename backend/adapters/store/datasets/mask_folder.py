"""The output folder of `masklet propagate`, for people and scripts to read.

    OUT/masks/<object>/000000.png   one 8-bit PNG per frame and object, 255 on the object; overlaps are kept
    OUT/evidence.jsonl              one line per frame and object, in the order of propagation
    OUT/masklets.json               the same masks as COCO RLE, with video, labels and model
    OUT/summary.json                the parameters and results of the propagation

All files are written into OUT.partial, which is renamed to OUT at the end: OUT is complete or absent.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from backend.application.ports.masks import MaskCodec
from backend.domain.errors import NotAllowed, ServiceUnavailable
from backend.domain.masklets import MaskletFrame
from backend.domain.prompts import ObjectId
from backend.domain.video import VideoInfo


class MaskFolder:
    """An output folder under construction; a MaskSink."""

    def __init__(self, folder: Path, codec: MaskCodec) -> None:
        self._folder = folder
        self._codec = codec
        self._evidence = (folder / "evidence.jsonl").open("w", encoding="utf-8")
        self._frames: dict[ObjectId, list[MaskletFrame]] = {}
        self._names: dict[ObjectId, str] = {}

    def put(self, object_id: ObjectId, frame: MaskletFrame) -> None:
        """Write one mask as PNG and one line of evidence. Raises ServiceUnavailable if the disk is full."""
        self._frames.setdefault(object_id, []).append(frame)
        target = self._folder / "masks" / self._name(object_id) / f"{frame.frame_index:06d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        picture = self._codec.decode(frame.mask).astype(np.uint8) * 255
        if not cv2.imwrite(str(target), picture):
            raise ServiceUnavailable(f"{target} could not be written; is the disk full?")
        self._evidence.write(json.dumps(_line(object_id, frame)) + "\n")

    def finish(self, video: VideoInfo, labels: Mapping[ObjectId, str], summary: Mapping[str, object]) -> None:
        """Write masklets.json and summary.json."""
        self._evidence.flush()
        document = {
            "video": {
                "sha256": video.content_hash,
                "width": video.size.width,
                "height": video.size.height,
                "frame_count": video.frame_count,
                "frame_rate": float(video.frame_rate),
            },
            "model": summary["model"],
            "masklets": [
                {
                    "id": object_id,
                    "label": labels.get(object_id, str(object_id)),
                    "folder": self._name(object_id),
                    "frames": [_stored(frame) for frame in sorted(frames, key=lambda f: f.frame_index)],
                }
                for object_id, frames in self._frames.items()
            ],
        }
        (self._folder / "masklets.json").write_text(json.dumps(document), encoding="utf-8")
        (self._folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")

    def close(self) -> None:
        self._evidence.close()

    def _name(self, object_id: ObjectId) -> str:
        """A folder name for an object: its id if that is a plain name, else a readable part and a hash."""
        if object_id not in self._names:
            plain = re.sub(r"[^A-Za-z0-9._-]+", "_", object_id).strip("._")[:60]
            tag = hashlib.sha256(object_id.encode()).hexdigest()[:8]
            self._names[object_id] = plain if plain == object_id else f"{plain or 'object'}-{tag}"
        return self._names[object_id]


@contextmanager
def mask_folder(out: Path, codec: MaskCodec, *, overwrite: bool = False) -> Iterator[MaskFolder]:
    """Build OUT.partial and rename it to OUT when the block succeeds; if the block fails, remove it.

    Raises NotAllowed if OUT is not empty and overwrite is False.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not overwrite:
        raise NotAllowed(f"{out} is not empty; name another folder or pass --overwrite")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    folder = MaskFolder(partial, codec)
    try:
        yield folder
        folder.close()
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    except BaseException:
        folder.close()
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _line(object_id: ObjectId, frame: MaskletFrame) -> dict[str, object]:
    return {
        "frame": frame.frame_index,
        "object": object_id,
        "origin": frame.origin.value,
        "uncertainty": round(frame.uncertainty, 6),
        **_mark(frame),
        **asdict(frame.evidence),
    }


def _stored(frame: MaskletFrame) -> dict[str, object]:
    return {
        "frame": frame.frame_index,
        "origin": frame.origin.value,
        "uncertainty": round(frame.uncertainty, 6),
        **_mark(frame),
        "segmentation": {"size": [frame.mask.height, frame.mask.width], "counts": frame.mask.counts},
    }


def _mark(frame: MaskletFrame) -> dict[str, object]:
    """The mark of a frame that does not decode; others have none."""
    return {"undecodable": True} if frame.undecodable else {}
