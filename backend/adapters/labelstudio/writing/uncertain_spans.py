"""Where in a video a person should look, as coloured spans on Label Studio's timeline.

Written only if the label config has a TimelineLabels tag with the label "uncertain": then the page shows the spans
and clicking one goes to its first frame. They are for reading and never come back as prompts.
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
"""Spans with fewer certain frames than this between them are one: a timeline of splinters helps nobody."""

MOST_SPANS = 50


def uncertain_spans(run: MaskRun, binding: Binding, task: TaskKey, clock: FrameClock) -> Iterator[Region]:
    """One read-only region a span, the most uncertain ones if there are too many, in the video's order."""
    control = binding.control(ControlKind.TIMELINE)
    if control is None or LABEL not in control.labels:
        return
    worst: dict[int, float] = {}
    for masklet in run.masklets:
        for frame in masklet.frames:
            worst[frame.frame_index] = max(worst.get(frame.frame_index, 0.0), frame.uncertainty)
    spans = list(spans_of(index for index, uncertainty in worst.items() if uncertainty >= UNCERTAIN_FROM))
    peaks = {span: max(worst.get(index, 0.0) for index in range(span[0], span[1] + 1)) for span in spans}
    for first, last in sorted(sorted(spans, key=lambda span: -peaks[span])[:MOST_SPANS]):
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


def spans_of(frame_indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last index of each stretch of frames, small gaps bridged."""
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
