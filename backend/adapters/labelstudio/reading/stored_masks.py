"""The stored masks behind regions that Masklet wrote into an annotation, for exports.

A region that a person changed keeps its masks on the frames whose boxes are unchanged. A region whose masks are not in
this data folder is read as boxes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.adapters.labelstudio.reading.mask_fingerprints import near
from backend.adapters.labelstudio.written_regions import MaskReference, is_unchanged, reference_of, unmarked
from backend.application.ports.masks import MaskStore
from backend.codecs.coco_rle import box_rel
from backend.domain.errors import IntegrityError, InvalidInput, NotFound
from backend.domain.geometry import Box
from backend.domain.masklets import MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import MaskDigests
from backend.domain.video import VideoInfo

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's masks by 0-based frame; on other frames it is absent. is_unchanged: no person changed its region."""

    frames: Mapping[int, MaskletFrame]
    is_unchanged: bool

    def has_box(self, frame_index: int, box: Box) -> bool:
        """Whether a box (relative) is the box of the mask on a frame."""
        frame = self.frames.get(frame_index)
        known = None if frame is None else box_rel(frame.mask)
        return known is not None and near(box, known)


@dataclass(frozen=True, slots=True)
class StoredObjects:
    """A result with the written regions as plain ones, and the objects whose masks are stored.

    digests: of the masks of the objects that no person changed since, for verdicts.
    """

    result: list[object]
    objects: Mapping[ObjectId, StoredObject]
    digests: MaskDigests


def stored_objects(result: Sequence[object], masks: MaskStore, info: VideoInfo) -> StoredObjects:
    """Reads the masks that the regions of a result refer to. info: of the task's video.

    Raises InvalidInput if stored masks are of another video.
    """
    plain: list[object] = []
    objects: dict[ObjectId, StoredObject] = {}
    judged: dict[ObjectId, MaskReference] = {}
    runs: dict[str, MaskRun | None] = {}
    taken = {item.get("id") for item in result if isinstance(item, dict) and reference_of(item) is None}
    for item in result:
        reference = reference_of(item)
        if reference is None or not isinstance(item, dict):
            plain.append(item)
            continue
        name = ObjectId(str(item.get("id"))) if reference.object_id in taken else reference.object_id
        taken.add(name)
        plain.append(unmarked(item, name))
        if reference.run not in runs:
            runs[reference.run] = _run(reference.run, masks, info)
        frames = _frames(runs[reference.run], reference.object_id)
        if frames is None:
            logger.warning("the masks of %r in %s are not stored here: boxes", reference.object_id, reference.run)
            continue
        objects[name] = StoredObject(frames, is_unchanged(item, reference))
        judged[name] = reference
    return StoredObjects(plain, objects, _digests(judged, objects))


def _digests(references: Mapping[ObjectId, MaskReference], objects: Mapping[ObjectId, StoredObject]) -> MaskDigests:
    """Those of the unchanged objects; of all together only if none was changed."""
    of_all = {reference.all_masks if objects[name].is_unchanged else "" for name, reference in references.items()}
    own = {name: reference.masks for name, reference in references.items() if objects[name].is_unchanged}
    return MaskDigests(own, of_all.pop() if len(of_all) == 1 else "")


def _run(name: str, masks: MaskStore, info: VideoInfo) -> MaskRun | None:
    """A stored run; None if it is gone or damaged."""
    try:
        run = masks.read(name)
    except (NotFound, IntegrityError):
        return None
    if (run.video.content_hash, run.video.frame_count) != (info.content_hash, info.frame_count):
        raise InvalidInput(
            f"the masks of run {name!r} are of another video than the task has now; make masks of this one in the "
            "player and press Update, or export with --skip-faulty"
        )
    return run


def _frames(run: MaskRun | None, object_id: ObjectId) -> Mapping[int, MaskletFrame] | None:
    for masklet in () if run is None else run.masklets:
        if masklet.object_id == object_id:
            return {frame.frame_index: frame for frame in masklet.frames}
    return None
