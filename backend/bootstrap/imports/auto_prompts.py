"""Wiring of `--prompts auto`: automatic segmentation during an import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from backend.adapters.media.mask_cleanup import clean_mask
from backend.application.imports.auto_segment import AutoMasklets, AutoRules
from backend.application.imports.model import Source, SourceMedia, TaskDraft
from backend.application.imports.prompts import prompts_on
from backend.application.ports.engine import NeverCancelled, PointSegmenter
from backend.application.ports.media import VideoSource
from backend.application.worker.frame_subset import FrameSubset
from backend.bootstrap.container import Container
from backend.bootstrap.engine import build_engine
from backend.domain.errors import InvalidInput
from backend.domain.geometry import BoolMask, Box
from backend.domain.prompts import PromptSet

MOST_POINTS = 64


@dataclass(slots=True)
class AutoPrompts:
    """A PromptSource. every_segment: whether segments after the first are segmented too, not handed masks.

    on_search: gets a clip's name, and the done and all steps of its search.
    """

    load: Callable[[], PointSegmenter]
    open: Callable[[SourceMedia], VideoSource]
    labels: Sequence[str]
    rules: AutoRules
    every_segment: bool
    on_search: Callable[[str, int, int], None]
    _segmenter: PointSegmenter | None = field(default=None)

    def prompts(self, source: Source, draft: TaskDraft) -> tuple[PromptSet, Mapping[str, float]]:
        """See the PromptSource port."""
        if draft.number and not self.every_segment:
            return PromptSet(()), {}
        self._segmenter = self._segmenter or self.load()
        finder = AutoMasklets(self._segmenter, clean_mask, NeverCancelled(), self.rules)
        with self.open(draft.medium) as video:
            found = finder.find(FrameSubset(video, draft.frames), partial(self.on_search, draft.name))
        on_source = [
            _Placed(entry.key, int(draft.frames[entry.frame]), entry.mask, self._label(number))
            for number, entry in enumerate(found)
        ]
        prompts = prompts_on(draft, on_source, self.labels)
        scores = {str(o): entry.score for o, entry in zip(prompts.object_ids, found, strict=True)}
        return prompts.as_automatic(lambda prompt: scores[str(prompt.object_id)]), scores

    def _label(self, number: int) -> str:
        """The project's labels in turn: the model finds objects without a class."""
        return self.labels[number % len(self.labels)] if self.labels else ""


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    key: str
    frame: int
    mask: BoolMask
    label: str = ""
    box: Box | None = None


def auto_prompter(
    words: str,
    container: Container,
    open_medium: Callable[[SourceMedia], VideoSource],
    labels: Sequence[str],
    *,
    carry: bool,
    on_search: Callable[[str, int, int], None],
) -> AutoPrompts:
    """words: `auto`, `auto:POINTS` or `auto:POINTS:MOST`. Raises InvalidInput."""
    rules = parse_auto(words)

    def load() -> PointSegmenter:
        return build_engine(container, shares_cores=True)

    return AutoPrompts(load, open_medium, labels, rules, every_segment=not carry, on_search=on_search)


def parse_auto(words: str) -> AutoRules:
    """Raises InvalidInput."""
    _, *numbers = words.split(":")
    if len(numbers) > 2 or not all(n.isdecimal() and 0 < int(n) <= 255 for n in numbers):
        raise InvalidInput(f"--prompts {words!r} must be auto, auto:POINTS or auto:POINTS:MOST")
    points = int(numbers[0]) if numbers else AutoRules().points
    most = int(numbers[1]) if len(numbers) > 1 else AutoRules().most
    if points > MOST_POINTS:
        raise InvalidInput(f"--prompts {words!r}: at most {MOST_POINTS} points a side make sense")
    return AutoRules(points=points, most=most)
