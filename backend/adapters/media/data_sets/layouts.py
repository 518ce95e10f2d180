"""The data sets that `--prompts KIND:PATH` reads, and the search for a video in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.media.data_sets.coco import coco_objects, coco_videos
from backend.adapters.media.data_sets.common import UNNAMED, ReadObject
from backend.adapters.media.data_sets.mask_images import first_masks, mask_videos
from backend.adapters.media.data_sets.masklet_files import (
    coco_rle_masks,
    coco_rle_videos,
    csv_boxes,
    csv_videos,
    youtubevis_masks,
    youtubevis_videos,
)
from backend.adapters.media.data_sets.mot import mot_boxes, mots_masks, sequence_names
from backend.adapters.media.data_sets.yolo import yolo_objects, yolo_videos
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """read: a video's objects, by a name of `videos`. classes: where the names of classes are, for messages."""

    read: Callable[[Path, str, FrameSize], list[ReadObject]]
    videos: Callable[[Path], Sequence[str]]
    classes: str
    is_folder: bool | None = None
    """What PATH has to be; None: a file or a folder."""


_LINES = "put a labels.txt beside it, with the name of class n on line n"
_OBJECTS = "put a labels.txt into the folder, with the label of object n on line n"
_MASKS = Layout(first_masks, mask_videos, _OBJECTS)
_YOLO = Layout(yolo_objects, yolo_videos, "put its data.yaml or classes.txt into the folder", is_folder=True)
_CATEGORIES = "give its categories the project's labels as names"

LAYOUTS: Mapping[str, Layout] = {
    "masks": _MASKS,
    "davis": _MASKS,
    "sav": _MASKS,
    "mot": Layout(mot_boxes, sequence_names, _LINES),
    "mots": Layout(mots_masks, sequence_names, _LINES),
    "yolo": _YOLO,
    "yolo-seg": _YOLO,
    "coco": Layout(coco_objects, coco_videos, _CATEGORIES, is_folder=False),
    "youtubevis": Layout(youtubevis_masks, youtubevis_videos, _CATEGORIES, is_folder=False),
    "coco-rle": Layout(coco_rle_masks, coco_rle_videos, "give its objects labels"),
    "boxes-csv": Layout(csv_boxes, csv_videos, "fill its column label", is_folder=False),
}


def read_objects(kind: str, path: Path, names: Iterable[str], size: FrameSize, *, is_alone: bool) -> list[ReadObject]:
    """The first box or mask of each object of a video. names: of the video, the first that is known counts.

    is_alone: whether the video is the only one, which a data set that names no video may be for.
    Raises PromptError naming the videos that the data set has, or the file and the fault.
    """
    layout = LAYOUTS[kind]
    if layout.is_folder is not None and layout.is_folder != path.is_dir():
        raise PromptError(f"--prompts {kind}:{path}: that is {'no folder' if layout.is_folder else 'no file'}")
    known, wanted = layout.videos(path), list(dict.fromkeys(names))
    name = next((name for name in wanted if name in known), UNNAMED if is_alone and UNNAMED in known else None)
    if name is None:
        raise PromptError(_unmatched(kind, path, wanted, known))
    found = layout.read(path, name, size)
    if not found:
        raise PromptError(f"--prompts {kind}:{path} has no object for {wanted[0]!r}: its files are empty")
    return found


def _unmatched(kind: str, path: Path, wanted: Sequence[str], known: Sequence[str]) -> str:
    listed = [repr(name) for name in known if name]
    shown = ", ".join(listed[:MOST_SHOWN]) + (f" and {len(listed) - MOST_SHOWN} more" if listed[MOST_SHOWN:] else "")
    way_out = "; import videos that it has nothing for without --prompts"
    if UNNAMED in known:
        alone = "it names no video; import that video alone" + (f", or name it {listed[0]}" if listed else "")
        return f"--prompts {kind}:{path} has nothing for {wanted[0]!r}: {alone}"
    has = f"it has {shown}" if listed else "it has no file of that kind"
    return f"--prompts {kind}:{path} has nothing for {wanted[0]!r}: {has}{way_out}"
