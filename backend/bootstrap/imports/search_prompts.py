"""Wiring of prompts from a search for objects during an import: `--prompts auto`, `--find`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from backend.adapters.detector.checkpoint import require_detector
from backend.application.imports.auto_segment import AutoRules, GridCandidates, parse_auto
from backend.application.imports.model import Source, SourceMedia, TaskDraft
from backend.application.imports.object_search import ObjectSearch
from backend.application.imports.prompts import prompts_on
from backend.application.imports.text_search import TEXT_RULES, TextCandidates, TextQuery, text_queries
from backend.application.ports.engine import NeverCancelled
from backend.application.ports.media import VideoSource
from backend.application.worker.frame_subset import FrameSubset
from backend.bootstrap.container import Container
from backend.domain.errors import InvalidInput
from backend.domain.prompts import PromptSet

OnSearch = Callable[[str, int, int], None]
"""Gets a clip's name, and the done and all steps of its search."""


@dataclass(slots=True)
class SearchPrompts:
    """A PromptSource. load: makes the search at the first draft; it loads models.

    labels: of the project; an object that the search gave no label has them in turn. every_segment: whether segments
    after the first are searched too, not handed masks.
    """

    load: Callable[[], ObjectSearch]
    open: Callable[[SourceMedia], VideoSource]
    labels: Sequence[str]
    every_segment: bool
    on_search: OnSearch
    _search: ObjectSearch | None = field(default=None)

    def prompts(self, source: Source, draft: TaskDraft) -> tuple[PromptSet, Mapping[str, float]]:
        """See the PromptSource port."""
        if draft.number and not self.every_segment:
            return PromptSet(()), {}
        self._search = self._search or self.load()
        with self.open(draft.medium) as video:
            found = self._search.find(FrameSubset(video, draft.frames), partial(self.on_search, draft.name))
        on_source = [
            replace(entry, frame=int(draft.frames[entry.frame]), label=entry.label or self._label(number))
            for number, entry in enumerate(found)
        ]
        prompts = prompts_on(draft, on_source, self.labels)
        scores = {str(o): entry.score for o, entry in zip(prompts.object_ids, found, strict=True)}
        return prompts.as_automatic(lambda prompt: scores[str(prompt.object_id)]), scores

    def _label(self, number: int) -> str:
        return self.labels[number % len(self.labels)] if self.labels else ""


def searching(
    container: Container, labels: Sequence[str], prompts: str, find: Sequence[str], find_score: float | None
) -> Callable[[], ObjectSearch] | None:
    """Makes the search that `--prompts auto` or `--find` names; None where neither is given.

    Raises InvalidInput for options that do not fit, ModelError without a detector. Only the result loads torch.
    """
    if find:
        queries = text_queries(find, labels)
        require_detector(container.model_folder)
        return partial(_text_search, container, queries, find_score)
    if prompts.partition(":")[0] == "auto":
        return partial(_grid_search, container, parse_auto(prompts))
    return None


def require_searchable(find: Sequence[str], prompts: str, sources: Sequence[Source]) -> None:
    """Raises InvalidInput for `--find` with something that it does not work with."""
    if not find:
        return
    if prompts:
        raise InvalidInput("--find and --prompts both say where prompts come from: give one of them")
    named = next((source for source in sources if source.prompts), None)
    if named is not None:
        raise InvalidInput(f"{named.name} has prompts of its own in the list: import it without --find")
    if any(source.task_id is not None for source in sources):
        raise InvalidInput("--find is for videos, not for tasks that exist: find objects in those in the player")


def _grid_search(container: Container, rules: AutoRules) -> ObjectSearch:
    from backend.adapters.media.mask_cleanup import clean_mask
    from backend.bootstrap.engine import build_engine

    engine = build_engine(container, shares_cores=True)
    return ObjectSearch(engine, GridCandidates(engine, clean_mask, rules), NeverCancelled(), rules)


def _text_search(container: Container, queries: Sequence[TextQuery], least_score: float | None) -> ObjectSearch:
    from backend.bootstrap.detection.detector import load_detector
    from backend.bootstrap.engine import build_engine

    detector = load_detector(container, shares_cores=True)
    engine = build_engine(container, shares_cores=True)
    return ObjectSearch(engine, TextCandidates(detector, engine, queries, least_score), NeverCancelled(), TEXT_RULES)
