"""Reads a source's approved frames into the training's folder: labels, and pictures of a few frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

import numpy as np

from backend.application.ports.datasets import DatasetEntry, DatasetSource, DatasetVideo
from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource
from backend.application.ports.progress import counted, work_moved
from backend.domain.datasets import DatasetFrame, FrameChoice, Keep
from backend.domain.errors import InvalidInput
from backend.domain.video import FrameIndex
from backend.training.samples.videos import KeptVideo, Labels, PictureFolder

MOST_LABELLED = 24
"""Labelled frames of a video that are kept, spread evenly: neighbours teach the same."""

BETWEEN = 3
"""Unlabelled frames that are kept between two labelled ones, for the memory."""

AROUND = 2
"""Unlabelled frames that are kept before the first and after the last labelled one, this many frames apart."""

MOST_FRAMES = 6000
"""Pictures of all videos together: a bound of the folder's size."""

APPROVED = FrameChoice(Keep.HUMAN)


def read_source(source: DatasetSource, cancel: CancelToken) -> list[tuple[DatasetEntry, KeptVideo]]:
    """The source's videos with approved frames, without their pictures. frames: those to keep.

    Videos of the same content, or with the same name of what is labelled, are one group. Raises InvalidInput.
    """
    found: list[tuple[DatasetEntry, KeptVideo]] = []
    groups: dict[str, str] = {}
    for entry in counted(source.entries(), "videos read"):
        cancel.raise_if_cancelled()
        work_moved()
        with source.open(entry) as video:
            labels = approved_labels(video)
            if not labels:
                continue
            content = f"content:{video.info.content_hash}"
            named = f"name:{entry.video}" if entry.video else content
            group = groups.get(content) or groups.get(named) or content
            groups[content] = groups[named] = group
            frames = kept_frames(sorted(labels), video.info.frame_count)
            found.append((entry, KeptVideo(len(found), entry.key, entry.name, group, frames, labels)))
    return _bounded(found)


def approved_labels(video: DatasetVideo) -> dict[int, Labels]:
    """The labels of the approved frames with a mask of some object, by frame; at most MOST_LABELLED of them."""
    usable = {int(frame.frame_index): _labels_of(frame) for frame in video.frames() if _is_usable(frame)}
    shown = [index for index, labels in usable.items() if any(labels.values())]
    if not shown:
        return {}
    return {index: usable[index] for index in spread(sorted(usable), MOST_LABELLED)}


def spread(numbers: Sequence[int], most: int) -> list[int]:
    """At most this many of the numbers, evenly spread, the first and the last among them."""
    if len(numbers) <= most:
        return list(numbers)
    return [numbers[int(place)] for place in np.linspace(0, len(numbers) - 1, most).round()]


def kept_frames(labelled: Sequence[int], frame_count: int) -> tuple[int, ...]:
    """The labelled frames, ascending, with unlabelled ones between and around them."""
    kept = set(labelled)
    for one, other in itertools.pairwise(labelled):
        kept.update(round(float(place)) for place in np.linspace(one, other, BETWEEN + 2)[1:-1])
    around = [labelled[0] - AROUND, labelled[-1] + AROUND]
    kept.update(index for index in around if 0 <= index < frame_count)
    return tuple(sorted(kept))


def keep_pictures(
    source: DatasetSource, found: Sequence[tuple[DatasetEntry, KeptVideo]], pictures: PictureFolder, cancel: CancelToken
) -> None:
    """Keeps the pictures of the videos' frames; what was kept before is not read again.

    Raises InvalidInput if a video's pictures are not available.
    """
    for entry, kept in counted(found, "videos with pictures"):
        missing = [index for index in kept.frames if not pictures.has(kept.number, index)]
        if not missing:
            continue
        with open_pictures(source, entry) as frames:
            for index in missing:
                pixels = frames.frame(FrameIndex(index))
                cancel.raise_if_cancelled()
                work_moved()
                pictures.keep(kept.number, index, pixels)


@contextmanager
def open_pictures(source: DatasetSource, entry: DatasetEntry) -> Iterator[VideoSource]:
    """The frames of an entry's video. Raises InvalidInput if they are not available."""
    with source.open(entry) as video, video.pictures() or nullcontext() as frames:
        if frames is None:
            raise InvalidInput(f"the pictures of {entry.name} are not available: a training needs every video's")
        yield frames


def _is_usable(frame: DatasetFrame) -> bool:
    """Approved as a whole, decodable, and with masks, not boxes alone."""
    return APPROVED.keeps(frame) and all(
        not each.undecodable and (each.mask is not None or each.box is None) for each in frame.objects
    )


def _labels_of(frame: DatasetFrame) -> Labels:
    return {str(each.item.object_id): each.mask for each in frame.objects}


def _bounded(found: list[tuple[DatasetEntry, KeptVideo]]) -> list[tuple[DatasetEntry, KeptVideo]]:
    """Fewer frames of each video if there are too many in all."""
    total = sum(len(video.frames) for _, video in found)
    if total <= MOST_FRAMES:
        return found
    most = max(2, MOST_LABELLED * MOST_FRAMES // total)
    return [(entry, _thinned(video, most)) for entry, video in found]


def _thinned(video: KeptVideo, most: int) -> KeptVideo:
    labels: Mapping[int, Labels] = {index: video.labels[index] for index in spread(sorted(video.labels), most)}
    frames = kept_frames(sorted(labels), video.frames[-1] + 1)
    return KeptVideo(video.number, video.key, video.name, video.group, frames, labels)
