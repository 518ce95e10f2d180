"""Objects by a text, such as "red car": a detector's boxes on a frame, and the masks that these boxes prompt there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.application.imports.object_search import STEPS_OF_ENCODING, SearchedObject, SearchRules, Steps
from backend.application.ports.engine import Segmenter
from backend.application.ports.media import VideoSource
from backend.application.ports.requests.detection import Detector
from backend.domain.detections import Detection, detection_text
from backend.domain.errors import InvalidInput
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import FrameIndex

STEPS_OF_DETECTION = 100
"""A detector takes about as long as decoding so many points."""

TEXT_RULES = SearchRules(most=30, least_area=0.00002, most_area=0.95)
"""Smaller and larger objects than those of a search without a text: a text says what is wanted."""


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A text, and the label of the objects that fit it."""

    text: str
    label: str


def text_queries(wanted: Sequence[str], labels: Sequence[str]) -> tuple[TextQuery, ...]:
    """The queries of `--find`. wanted: each `TEXT` or `TEXT=LABEL`. labels: those of the project.

    The label of a text without one is the label of that name, in upper or lower case, or the project's only one.
    Raises InvalidInput for a text without a label, and a label that the project does not have.
    """
    return tuple(_query(each, labels) for each in wanted)


def _query(wanted: str, labels: Sequence[str]) -> TextQuery:
    named, equals, label = wanted.rpartition("=")
    text = detection_text(named if equals else wanted)
    if equals and label.strip() in labels:
        return TextQuery(text, label.strip())
    alike = [each for each in labels if each.casefold() == text.casefold()]
    only = alike or (labels if len(labels) == 1 else ())
    if not equals and only:
        return TextQuery(text, only[0])
    shown = ", ".join(labels) or "none"
    wrong = f"label {label.strip()[:60]!r} is not in the project" if equals else f"which label has {text!r}?"
    example = f"--find '{text}={labels[0] if labels else 'LABEL'}'"
    raise InvalidInput(f"--find {wanted[:120]!r}: {wrong}; the project's labels: {shown}; for one: {example}")


@dataclass(frozen=True, slots=True)
class TextCandidates:
    """The Candidates port: the objects that fit one of the texts. least_score: of the detector; None: the usual one."""

    detector: Detector
    segmenter: Segmenter
    queries: Sequence[TextQuery]
    least_score: float | None = None
    name: str = "found"

    @property
    def steps_per_frame(self) -> int:
        return (STEPS_OF_DETECTION + STEPS_OF_ENCODING) * len(self.queries)

    def on(self, video: VideoSource, frame: FrameIndex, steps: Steps) -> Iterator[SearchedObject]:
        """See the port."""
        picture = video.frame(frame)
        for query in self.queries:
            detections = self.detector.detect(picture, query.text, least_score=self.least_score)
            steps.add(STEPS_OF_DETECTION)
            yield from self._masks(video, frame, query, detections)
            steps.add(STEPS_OF_ENCODING)

    def _masks(
        self, video: VideoSource, frame: FrameIndex, query: TextQuery, detections: Sequence[Detection]
    ) -> Iterator[SearchedObject]:
        if not detections:
            return
        boxes = [FramePrompt(ObjectId(str(n)), frame, box=found.box) for n, found in enumerate(detections)]
        shown = self.segmenter.segment(video, PromptSet.of(boxes, {}), frame)
        scores = {str(n): found.score for n, found in enumerate(detections)}
        for entry in shown.objects:
            if entry.mask.any():
                yield SearchedObject("", int(frame), entry.mask, scores[str(entry.object_id)], query.label)
