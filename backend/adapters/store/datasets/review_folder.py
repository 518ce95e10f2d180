"""A folder of `masklet propagate`, read for review: uncertainty and evidence of all frames, masks one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from backend.application.review.next_frames import ReviewFrame, ReviewVideo
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.geometry import BoolMask
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class ReviewFolder:
    """A video to review, with its objects' labels and mask folders, and the video file's name and content."""

    root: Path
    video: ReviewVideo
    labels: Mapping[ObjectId, str]
    mask_folders: Mapping[ObjectId, str]
    content_hash: str

    def mask(self, object_id: ObjectId, frame_index: int) -> BoolMask | None:
        """[H, W] bool; None if the object has no mask on the frame. Raises IntegrityError if the file is damaged."""
        path = self.root / "masks" / self.mask_folders[object_id] / f"{frame_index:06d}.png"
        if not path.is_file():
            return None
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise IntegrityError(f"{path} is damaged; propagate again")
        return np.asarray(picture > 127, np.bool_)


def read_review_folder(root: Path) -> ReviewFolder:
    """Raises NotFound if the folder's files are missing, IntegrityError if they are damaged."""
    if not (root / "evidence.jsonl").is_file() or not (root / "masklets.json").is_file():
        raise NotFound(f"{root} has no evidence.jsonl and masklets.json; name a folder that `masklet propagate` made")
    try:
        document = json.loads((root / "masklets.json").read_text(encoding="utf-8"))
        summary = json.loads((root / "summary.json").read_text(encoding="utf-8"))
        frames: dict[ObjectId, list[ReviewFrame]] = {}
        for object_id, frame in _lines(root / "evidence.jsonl"):
            frames.setdefault(object_id, []).append(frame)
        described = {ObjectId(str(entry["id"])): entry for entry in document["masklets"]}
        video = ReviewVideo(
            name=str(summary["video"]),
            frame_count=int(document["video"]["frame_count"]),
            frame_rate=float(document["video"]["frame_rate"]),
            model_version=str(document["model"]),
            objects={
                object_id: tuple(sorted(listed, key=lambda frame: frame.frame_index))
                for object_id, listed in frames.items()
            },
            cuts=tuple(int(cut) for cut in summary.get("cuts", ())),
        )
        return ReviewFolder(
            root=root,
            video=video,
            labels={object_id: str(entry["label"]) for object_id, entry in described.items()},
            mask_folders={object_id: str(entry["folder"]) for object_id, entry in described.items()},
            content_hash=str(document["video"]["sha256"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{root} is damaged: {error}; propagate again") from error


def _lines(path: Path) -> Iterator[tuple[ObjectId, ReviewFrame]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            frame = ReviewFrame(
                FrameIndex(int(entry["frame"])),
                float(entry["uncertainty"]),
                MaskOrigin(entry["origin"]),
                tuple(float(number) for number in entry.get("embedding", ())),
            )
            yield ObjectId(str(entry["object"])), frame
