"""Compares what Chromium shows of a task's media with what Masklet reads and with the regions that it writes.

A video is compared at a quarter and at three quarters of each frame's time, at each of the page's frame numbers, and at
its end. Frame numbers are those painted in the pictures. A mask on the marker is compared with where the browser shows
the marker: at the page's frame numbers and on pages as the region's box or brush, elsewhere as the mask itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import numpy as np

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle
from backend.domain.geometry import BoolMask, Box, FrameSize, RgbFrame, box_of_mask, mask_iou
from backend.domain.tasks import MediaRef
from backend.domain.timeline import PAGE_STEP_S, FrameClock, clock_of
from backend.domain.video import FrameIndex
from scripts.benchmarks.input_set.browser import Chromium
from scripts.benchmarks.input_set.masklet import Seen, regions_of
from scripts.benchmarks.input_set.painted import read

LEAST_IOU = 0.85
"""Of a mask with the marker that the browser shows. A marker of a neighbouring frame has less than 0.5."""

MOST_LEVELS = 6.0
"""The mean difference of two pictures that are alike, of 255."""

BEFORE_END_S = 0.002


@dataclass(frozen=True, slots=True)
class Probe:
    """A time to look at, and the frame that Masklet has there. number: of the page, if it is the time of one."""

    time_s: float
    index: int
    number: int | None = None


@dataclass(slots=True)
class Comparison:
    """faults: what differs, a sentence each. unseen: times or pages at which the browser shows nothing."""

    seen: int = 0
    unseen: int = 0
    least_iou: float = 1.0
    faults: list[str] = field(default_factory=list)
    not_played: str = ""

    @property
    def agrees(self) -> bool:
        return not self.faults and not self.not_played and self.seen > 0

    @property
    def sentence(self) -> str:
        if self.not_played:
            return f"not played: {self.not_played}"
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        stops = f", nothing shown at {self.unseen} of {self.seen + self.unseen} times" if self.unseen else ""
        return (self.faults[0] + more if self.faults else f"agrees, IoU from {self.least_iou:.2f}") + stops


def compare_video(chromium: Chromium, server_url: str, media: MediaRef, seen: Seen) -> Comparison:
    """Compares a task's video."""
    playing = chromium.open_video(urljoin(server_url, media.addresses[0]))
    if playing.error:
        return Comparison(not_played=playing.error)
    clock = clock_of(seen.info, float(seen.info.frame_rate))
    probes = probes_of(clock, len(seen.readings), playing.duration_s)
    keyframes = _keyframes(regions_of(seen, is_pages=False))
    pictures = chromium.video_at([probe.time_s for probe in probes])
    comparison = Comparison()
    for probe, picture in zip(probes, pictures, strict=True):
        found = _difference(picture, probe, seen, keyframes)
        if isinstance(found, str):
            (picture,) = chromium.video_at([probe.time_s], settled=True)
            found = _difference(picture, probe, seen, keyframes)
        _note(comparison, found)
    return comparison


def compare_pages(chromium: Chromium, server_url: str, media: MediaRef, seen: Seen, pages: Sequence[int]) -> Comparison:
    """Compares some of a task's pages."""
    comparison = Comparison()
    brushes: dict[int, Any] = {region["item_index"]: region for region in _any(regions_of(seen, is_pages=True))}
    for page in pages:
        picture = chromium.picture(urljoin(server_url, media.addresses[page]))
        region = brushes.get(page)
        mask = None if region is None else _brush_mask(region)
        _note(comparison, _pair(picture, seen, page, f"page {page + 1}", mask))
    if comparison.seen == 0:
        comparison.not_played = "no picture is shown"
    return comparison


def probes_of(clock: FrameClock, frames: int, duration_s: float) -> list[Probe]:
    """The times to look at."""
    edges_us = [*clock.starts_us.tolist(), clock.end_us]
    probes = [
        Probe((edges_us[index] + share * (edges_us[index + 1] - edges_us[index])) / 1e6, index)
        for index in range(frames)
        for share in (0.25, 0.75)
    ]
    ends = (clock.numbers_of(FrameIndex(index)) for index in range(frames))
    for number in sorted({number for numbers in ends for number in (*numbers[:2], *numbers[-2:])}):
        time_s = math.floor((number - 1) / clock.rate / PAGE_STEP_S + 0.5) * PAGE_STEP_S + PAGE_STEP_S
        probes.append(Probe(time_s, clock.index_of(number), number))
    end_s = duration_s - BEFORE_END_S
    if math.isfinite(end_s) and end_s > edges_us[-2] / 1e6 + BEFORE_END_S:
        probes.append(Probe(end_s, frames - 1))
    return probes


def _difference(
    picture: RgbFrame | None, probe: Probe, seen: Seen, keyframes: list[dict[str, Any]]
) -> float | str | None:
    place = f"at {probe.time_s:.3f} s" + ("" if probe.number is None else f" (number {probe.number})")
    expected = seen.readings[probe.index]
    if probe.number is None:
        return _pair(picture, seen, probe.index, place, None if expected is None else expected.marker)
    boxes = [key for key in keyframes if key["frame"] <= probe.number]
    return _pair(picture, seen, probe.index, place, _box(boxes[-1]) if boxes else None)


def _pair(
    picture: RgbFrame | None, seen: Seen, index: int, place: str, mask: BoolMask | Box | None
) -> float | str | None:
    """The IoU of a mask with the marker that the browser shows; None if it shows nothing; else what differs.

    Of a picture that damage made unreadable, 1.0 if both show it alike.
    """
    if picture is None:
        return None
    browser, masklet = read(picture) or read(_brightened(picture)), seen.readings[index]
    if browser is None or masklet is None:
        if browser is None and index in seen.unread and _are_alike(picture, seen.unread[index]):
            return 1.0
        names = ("the browser", "Masklet") if browser is None else ("Masklet", "the browser")
        return f"{place} {names[0]} shows no painted picture" + ("" if browser is masklet else f", {names[1]} does")
    if browser.number != masklet.number:
        return f"{place} the browser shows picture {browser.number}, Masklet reads {masklet.number}"
    if mask is None:
        return f"{place} Masklet writes no region"
    if isinstance(mask, Box):
        shown = box_of_mask(browser.marker)
        overlap = 0.0 if shown is None else _box_iou(mask, shown)
    else:
        overlap = mask_iou(_resized(mask, browser.marker.shape), browser.marker)
    return overlap if overlap >= LEAST_IOU else f"{place} the mask has IoU {overlap:.2f} with the shown marker"


def _are_alike(first: RgbFrame, second: RgbFrame) -> bool:
    if first.shape != second.shape:
        return False
    difference = first.astype(np.float64).mean(2) - second.astype(np.float64).mean(2)
    return float(np.abs(difference).mean()) < MOST_LEVELS


def _note(comparison: Comparison, found: float | str | None) -> None:
    if found is None:
        comparison.unseen += 1
        return
    comparison.seen += 1
    if isinstance(found, str):
        comparison.faults.append(found)
    else:
        comparison.least_iou = min(comparison.least_iou, found)


def _any(regions: list[dict[str, object]]) -> list[dict[str, Any]]:
    return regions


def _keyframes(regions: list[dict[str, object]]) -> list[dict[str, Any]]:
    for region in _any(regions):
        keyframes: list[dict[str, Any]] = region["value"]["sequence"]
        return keyframes
    return []


def _box(keyframe: dict[str, Any]) -> Box:
    x, y, width, height = (keyframe[name] / 100 for name in ("x", "y", "width", "height"))
    return Box(x, y, min(x + width, 1.0), min(y + height, 1.0))


def _box_iou(first: Box, second: Box) -> float:
    width = min(first.x1_rel, second.x1_rel) - max(first.x0_rel, second.x0_rel)
    height = min(first.y1_rel, second.y1_rel) - max(first.y0_rel, second.y0_rel)
    areas = ((box.x1_rel - box.x0_rel) * (box.y1_rel - box.y0_rel) for box in (first, second))
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (sum(areas) - shared)


def _brush_mask(region: dict[str, Any]) -> BoolMask:
    return decode_rle(region["value"]["rle"], FrameSize(region["original_width"], region["original_height"]))


def _brightened(picture: RgbFrame) -> RgbFrame:
    """A browser shows greys of 12 bits in 16 nearly black, but in their place."""
    bright: RgbFrame = (picture.astype(np.float64) * (255 / max(int(picture.max()), 1))).astype(np.uint8)
    return bright


def _resized(mask: BoolMask, shape: tuple[int, ...]) -> BoolMask:
    """The mask at the browser's size, nearest pixels: pixels that are not square are shown wider."""
    rows, columns = ((np.arange(length) + 0.5) * old / length for length, old in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(rows.astype(int), columns.astype(int))]
