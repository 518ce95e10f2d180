"""Label Studio's frame numbers against decoded frames: every frame contains its own number as stripes.

The reference does not use Masklet: it decodes the file from its start. Each of the page's numbers stands for the frame
that a player shows at the page's seek time. A box at a number must be read on that frame. The page must draw that
frame's box from Masklet's regions, at every number, for every rate of the file and of the tag.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.context import prompts_of_annotation, prompts_of_context
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.reading.labelled import LabelledTask, read_labels
from backend.adapters.labelstudio.writing.exported import ExportedRegions
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.media.decode import FileVideo, open_video
from backend.application.ports.datasets import TaskOrigin
from backend.domain.datasets import DatasetObject
from backend.domain.geometry import Box, FrameSize
from backend.domain.masklets import MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.clips import HEIGHT, WIDTH, ClipSpec, number_of, write_clip
from tests.unit.adapters.labelstudio.builders import TASK, VIDEO, masklet, rectangle_mask

HASH = ContentHash("ab" * 32)
SIZE = FrameSize(WIDTH, HEIGHT)
ABSENT = range(10, 15)
"""0-based frames without the object."""

GAPS_MS = np.random.default_rng(11).integers(4, 120, 59)
VARIABLE = ClipSpec(frame_count=60, rate=Fraction(1000), times=[0, *np.cumsum(GAPS_MS).tolist()])
CASES = {
    "23.976": ("a.mp4", ClipSpec(rate=Fraction(24000, 1001)), "23.976"),
    "24": ("a.mp4", ClipSpec(rate=Fraction(24)), "24"),
    "25": ("a.mp4", ClipSpec(rate=Fraction(25)), "25"),
    "29.97": ("a.mp4", ClipSpec(rate=Fraction(30000, 1001)), "29.97"),
    "30": ("a.mp4", ClipSpec(rate=Fraction(30)), "30"),
    "60": ("a.mp4", ClipSpec(rate=Fraction(60)), "60"),
    "29.97 in milliseconds": ("a.mkv", ClipSpec(rate=Fraction(30000, 1001)), "29.97"),
    "30 at 25": ("a.mp4", ClipSpec(rate=Fraction(30), frame_count=60), "25"),
    "60 at 24": ("a.mp4", ClipSpec(rate=Fraction(60), frame_count=60), "24"),
    "25 at 30": ("a.mp4", ClipSpec(rate=Fraction(25)), "30"),
    "24 at 60": ("a.mp4", ClipSpec(rate=Fraction(24)), "60"),
    "variable at 24": ("a.mp4", VARIABLE, "24"),
    "variable at 60": ("a.mp4", VARIABLE, "60"),
    "late start at 25": ("a.mp4", ClipSpec(times=list(range(20, 60))), "25"),
}


@dataclass(frozen=True)
class Case:
    """A clip, the frames its player shows at the page's numbers 1, 2, ..., and the label config."""

    path: Path
    shown: list[int]
    config: str

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[FileVideo, FrameClock]]:
        with open_video(self.path, HASH) as video:
            yield video, clock_of(video.info, read_binding(self.config).framerate)


def seek_s(number: int, framerate: float) -> float:
    """The page's seek time, seconds: `goToFrame` and `frameSteppedTime` of its VideoCanvas. number: 1-based."""
    return math.floor((number - 1) / framerate / 0.002 + 0.5) * 0.002 + 0.002


def shown_by_player(path: Path, framerate: float) -> list[int]:
    """The number drawn into the frame shown at each of the page's numbers."""
    with av.open(str(path)) as container:
        frames = [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    drawn = [(time_s, number_of(frame.astype(np.uint8, copy=False))) for time_s, frame in frames]
    assert drawn == sorted(drawn)
    end_s = drawn[-1][0] + (drawn[-1][0] - drawn[0][0]) / (len(drawn) - 1)
    seeks = [seek_s(number, framerate) for number in range(1, math.floor(end_s * framerate) + 1)]
    return [max((n for time_s, n in drawn if time_s <= seek + 1e-6), default=drawn[0][1]) for seek in seeks]


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name, spec, framerate = CASES[request.param]
    path = write_clip(tmp_path_factory.mktemp("numbers") / name, spec)
    config = VIDEO.replace('framerate="25"', f'framerate="{framerate}"')
    return Case(path, shown_by_player(path, float(framerate)), config)


def region_with(*keyframes: dict[str, object]) -> dict[str, object]:
    value = {"framesCount": 40, "duration": 1.0, "sequence": list(keyframes), "labels": ["Dog"]}
    return {"id": "b1", "type": "videorectangle", "from_name": "box", "to_name": "vid", "value": value}


def keyframe(number: int, x: float = 10.0) -> dict[str, object]:
    return {"frame": number, "enabled": True, "rotation": 0, "x": x, "y": 10, "width": 50, "height": 50}


def run_on(video: FileVideo) -> MaskRun:
    """A run whose object has another box on every frame, and is not on the frames of ABSENT."""
    frames = {
        index: rectangle_mask(SIZE, index % 48, 8 * (index // 48), index % 48 + 16, 8 * (index // 48) + 20)
        for index in range(video.info.frame_count)
        if index not in ABSENT
    }
    return MaskRun(video.info, (masklet("b1", frames, label="Dog"),))


def box_percent_of(index: int) -> dict[str, float] | None:
    """That box, percent of the frame; None on ABSENT. index: 0-based."""
    if index in ABSENT:
        return None
    sides = {"x": index % 48, "y": 8 * (index // 48), "width": 16, "height": 20}
    return {name: side / (WIDTH if name in ("x", "width") else HEIGHT) * 100 for name, side in sides.items()}


def box_of(place: dict[str, float]) -> Box:
    x, y = place["x"] / 100, place["y"] / 100
    return Box(x, y, x + place["width"] / 100, y + place["height"] / 100)


def rate_of(case: Case) -> str:
    return f"{read_binding(case.config).framerate:g}"


def drawn_by_page(sequence: list[dict[str, float]], number: int) -> dict[str, float] | None:
    """`getShape` and `isInLifespan` of the page's VideoRectangleRegion."""
    before = [entry for entry in sequence if entry["frame"] <= number]
    after = next((entry for entry in sequence if entry["frame"] > number), None)
    if not before or not (before[-1]["enabled"] or before[-1]["frame"] == number):
        return None
    last = before[-1]
    sides = ("x", "y", "width", "height")
    if last["frame"] == number or after is None:
        return {side: last[side] for side in sides}
    share = (number - last["frame"]) / (after["frame"] - last["frame"])
    return {side: last[side] + (after[side] - last[side]) * share for side in sides}


def labelled_task(result: Sequence[object], case: Case, info: VideoInfo, clock: FrameClock) -> LabelledTask:
    """A submitted annotation as a labelled task."""
    labelled = read_labels(list(result), read_binding(case.config), where="annotation", clock=clock)
    return LabelledTask(
        labelled,
        info,
        approved=True,
        verdicts=MaskVerdicts(),
        provenance={},
        task=TaskOrigin({}, case.config),
        open_pictures=lambda: contextlib.nullcontext(),  # type: ignore[arg-type, return-value]
    )


def test_a_box_is_on_the_frame_that_the_page_showed(case: Case) -> None:
    binding = read_binding(case.config)
    with case.opened() as (video, clock):
        assert abs(clock.count - len(case.shown)) <= 1
        for number, shown in enumerate(case.shown, 1):
            asked = prompts_of_context({"result": [region_with(keyframe(number))]}, binding, clock=clock)
            assert [prompt.frame_index for prompt in asked.prompts] == [asked.frame_index]
            assert number_of(video.frame(asked.frame_index)) == shown


def test_the_page_draws_the_box_of_the_frame_that_it_shows(case: Case) -> None:
    with case.opened() as (video, _):
        (region,) = build_regions(run_on(video), label_config=case.config, task=TASK)
    value = region["value"]
    assert isinstance(value, dict)
    for number, shown in enumerate(case.shown, 1):
        drawn = drawn_by_page(value["sequence"], number)
        expected = box_percent_of(shown)
        assert (drawn is None) == (expected is None), (number, shown)
        assert drawn is None or drawn == pytest.approx(expected, abs=1e-3), (number, shown)


def test_exported_boxes_are_drawn_on_their_frames(case: Case) -> None:
    with case.opened() as (video, _):
        info = video.info
    placed = ((index, box_percent_of(index)) for index in range(info.frame_count))
    boxes = [(index, box_of(place)) for index, place in placed if place is not None]
    what = DatasetObject(1, ObjectId("b1"), "Dog")
    config = case.config.replace("framerate", "frameRate").replace(rate_of(case), "$rate")
    write = ExportedRegions()
    filled = write.of_task(config, {"rate": float(rate_of(case))})
    written = write.through_video(what, boxes, info=info, label_config=filled)
    (region,) = written
    value = region["value"]
    assert isinstance(value, dict)
    for number, shown in enumerate(case.shown, 1):
        drawn, expected = drawn_by_page(value["sequence"], number), box_percent_of(shown)
        assert (drawn is None) == (expected is None), (number, shown)
        assert drawn is None or drawn == pytest.approx(expected, abs=1e-3), (number, shown)


def test_regions_shown_on_the_page_are_no_prompts(case: Case) -> None:
    with case.opened() as (video, clock):
        run = run_on(video)
        result = build_regions(run, label_config=case.config, task=TASK)
        binding = read_binding(case.config)
        assert not prompts_of_annotation(result, binding, known=KnownMasks(run), clock=clock)
        prompted = {int(prompt.frame_index) for prompt in prompts_of_annotation(result, binding, clock=clock)}
    # A disabled keyframe is no prompt.
    ends = {max(case.shown), max(index for index in case.shown if index < ABSENT.start)}
    assert set(case.shown) - set(ABSENT) - ends <= prompted
    assert not prompted & set(ABSENT)


def test_labels_read_back_are_on_their_frames(case: Case) -> None:
    with case.opened() as (video, clock):
        result = build_regions(run_on(video), label_config=case.config, task=TASK)
        info = video.info
        task = labelled_task(result, case, info, clock)
    frames = list(task.frames())
    assert len(frames) == info.frame_count
    for index in sorted(set(case.shown)):
        (shown,) = frames[index].objects
        expected = box_percent_of(index)
        assert shown.is_present == (expected is not None)
        if shown.box is not None and expected is not None:
            corner = [shown.box.x0_rel * 100, shown.box.y0_rel * 100]
            assert corner == pytest.approx([expected["x"], expected["y"]], abs=1e-3)


def test_a_box_drawn_past_the_picture_is_on_the_last_frame(case: Case) -> None:
    binding = read_binding(case.config)
    with case.opened() as (video, clock):
        past = [region_with(keyframe(clock.count + 1))]
        last = video.info.frame_count - 1
        assert [int(p.frame_index) for p in prompts_of_annotation(past, binding, clock=clock)] == [last]
        frames = list(labelled_task(past, case, video.info, clock).frames())
    assert [frame.frame_index for frame in frames if frame.present] == [last]


def test_the_persons_keyframe_of_several_on_a_frame_counts(tmp_path: Path) -> None:
    """At 60 numbers per second a frame of a 24 fps video has two or three; a person changes one keyframe."""
    config = VIDEO.replace('framerate="25"', 'framerate="60"')
    binding = read_binding(config)
    with open_video(write_clip(tmp_path / "a.mp4", ClipSpec(rate=Fraction(24))), HASH) as video:
        clock = clock_of(video.info, binding.framerate)
        (region,) = build_regions(run_on(video), label_config=config, task=TASK)
        run = run_on(video)
    value = region["value"]
    assert isinstance(value, dict)
    assert [entry["frame"] for entry in value["sequence"][:4]] == [1, 3, 4, 5]
    for position, number in ((0, 1), (1, 3), (2, 4)):
        moved = dict(value["sequence"][position], x=40.0)
        changed = [*value["sequence"][:position], moved, *value["sequence"][position + 1 :]]
        result = [{**region, "value": {**value, "sequence": changed}}]
        (prompt,) = prompts_of_annotation(result, binding, known=KnownMasks(run), clock=clock)
        assert (prompt.frame_index, prompt.box and prompt.box.x0_rel) == (clock.index_of(number), 0.4)


def test_a_persons_newer_box_on_a_frame_replaces_the_older(tmp_path: Path) -> None:
    config = VIDEO.replace('framerate="25"', 'framerate="60"')
    binding = read_binding(config)
    with open_video(write_clip(tmp_path / "a.mp4", ClipSpec(rate=Fraction(24))), HASH) as video:
        clock = clock_of(video.info, binding.framerate)
    older = FramePrompt(ObjectId("b1"), FrameIndex(0), box=Box(0.1, 0.1, 0.6, 0.6))
    known = KnownMasks(None, prompted=PromptSet.of([older], {ObjectId("b1"): "Dog"}))
    for sequence in ([keyframe(1, x=30.0), keyframe(3)], [keyframe(1), keyframe(3, x=30.0)]):
        (prompt,) = prompts_of_annotation([region_with(*sequence)], binding, known=known, clock=clock)
        assert prompt.box == Box(0.3, 0.1, 0.8, 0.6)
