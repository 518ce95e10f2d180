"""Frame ranges with high uncertainty, as coloured regions on Label Studio's timeline.

Written only if the label config has a TimelineLabels tag with the label "uncertain". A click on a range opens its
first frame. The regions are read-only and never become prompts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator

from backend.adapters.labelstudio.config.label_config import Binding, ControlKind
from backend.adapters.labelstudio.wire import Region
from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex

LABEL = "uncertain"
UNCERTAIN_FROM = 0.5
BRIDGED_FRAMES = 5
"""Two ranges with fewer certain frames than this between them are merged."""

MAX_RANGES = 50


def uncertain_ranges(run: MaskRun, binding: Binding, task: TaskKey, clock: FrameClock) -> Iterator[Region]:
    """One read-only region per range, in the video's order; the MAX_RANGES most uncertain ones.

    start and end of a region are the page's frame numbers, 1-based.
    """
    control = binding.control(ControlKind.TIMELINE)
    if control is None or LABEL not in control.labels:
        return
    worst: dict[int, float] = {}
    for masklet in run.masklets:
        for frame in masklet.frames:
            worst[frame.frame_index] = max(worst.get(frame.frame_index, 0.0), frame.uncertainty)
    ranges = list(ranges_of(index for index, uncertainty in worst.items() if uncertainty >= UNCERTAIN_FROM))
    peaks = {
        frame_range: max(worst.get(index, 0.0) for index in range(frame_range[0], frame_range[1] + 1))
        for frame_range in ranges
    }
    for first, last in sorted(sorted(ranges, key=lambda frame_range: -peaks[frame_range])[:MAX_RANGES]):
        start = clock.nearest(FrameIndex(first))
        end = max(clock.last_to(FrameIndex(last)), start)
        digest = hashlib.sha256(f"{task}\0{LABEL}\0{first}".encode()).digest()
        yield {
            "id": base64.b32encode(digest).decode("ascii").lower()[:10],
            "from_name": control.name,
            "to_name": binding.to_name,
            "type": ControlKind.TIMELINE.value,
            "value": {"ranges": [{"start": start, "end": end}], ControlKind.TIMELINE.value: [LABEL]},
            "readonly": True,
            "score": round(1.0 - min(peaks[first, last], 1.0), 4),
        }


def ranges_of(frame_indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last 0-based index of each range of frames, gaps of fewer than BRIDGED_FRAMES merged."""
    first = last = None
    for index in sorted(frame_indices):
        if first is None or last is None:
            first = last = index
        elif index - last <= BRIDGED_FRAMES:
            last = index
        else:
            yield first, last
            first = last = index
    if first is not None and last is not None:
        yield first, last
