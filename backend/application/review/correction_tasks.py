"""Correction tasks: one frame of a propagated task as a task of its own, and the way back of what people make of it.

Owns what such a task's data says, which masks it starts with, and whose prompts its annotation becomes. A correction
belongs to the objects of the task it was cut from: by label, for that is all that a single frame knows of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from backend.application.review.next_frames import NextFrame, ReviewVideo
from backend.application.review.task_signature import TaskSigner
from backend.domain.errors import MalformedRequest, NotAllowed, PromptError
from backend.domain.masklets import Masklet, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.scoring import combined_uncertainty, label_studio_score
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

DATA_KEY = "masklet"
CORRECTS = "corrects"
PROOF = "proof"
ONLY_PAGE = FrameIndex(0)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction task corrects: a frame of another task."""

    task: TaskKey
    frame_index: FrameIndex

    @property
    def key(self) -> str:
        """The same for the same frame of the same task, whoever makes it: it is made once."""
        return f"correction:{self.task}:{self.frame_index}"


class CorrectionProject(Protocol):
    """The Label Studio project that correction tasks are made in."""

    def tasks(self, project_id: int) -> Mapping[int, Mapping[str, object]]:
        """Id and data of the tasks that are there."""
        ...

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        """Make a task; its id."""
        ...

    def predict(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float, cluster: int
    ) -> None:
        """Give a task its prediction. cluster: Label Studio turns to the least annotated one first."""
        ...

    def describe(self, task: TaskKey, columns: Mapping[str, str]) -> None:
        """Write columns into a task's data, beside what is there."""
        ...

    def serve_worst_first(self, project_id: int, model_version: str) -> None:
        """Let Label Studio hand out the tasks with the lowest score of this model first."""
        ...


def task_data(corrected: Corrected, address: str, frame: NextFrame, *, proof: str) -> dict[str, object]:
    """The data of a correction task: the picture, columns to sort by, and what it corrects, with the seal's proof.

    Why the frame was chosen is not in it: who checks an audit must not know that it is one.
    """
    return {
        "image": address,
        "video": frame.video.name,
        "frame": int(corrected.frame_index),
        "uncertainty": fixed(frame.uncertainty),
        "priority": fixed(frame.priority),
        DATA_KEY: {
            "key": corrected.key,
            PROOF: proof,
            CORRECTS: {
                "project": corrected.task.project_id,
                "task": corrected.task.task_id,
                "frame": int(corrected.frame_index),
            },
        },
    }


def video_columns(video: ReviewVideo, priority: float) -> dict[str, str]:
    """What a video task's data says of its uncertainty; numbers of fixed width, for Label Studio sorts them as text."""
    curve = video.curve()
    worst = int(curve.uncertainty.argmax()) if len(curve.frames) else 0
    return {
        "uncertainty": fixed(float(curve.uncertainty[worst]) if len(curve.frames) else 0.0),
        "priority": fixed(priority),
        "worst_frame": f"{int(curve.frames[worst]) if len(curve.frames) else 0:06d}",
    }


def fixed(value: float) -> str:
    """0..1 in a fixed width: "0.0312", never "3e-02"."""
    return f"{min(max(value, 0.0), 1.0):.4f}"


def one_page(run: MaskRun, frame_index: FrameIndex) -> MaskRun:
    """A run's masks of one frame, as a run of one page."""
    masklets = tuple(
        Masklet(
            masklet.object_id,
            masklet.label,
            tuple(
                replace(frame, frame_index=ONLY_PAGE) for frame in masklet.frames if frame.frame_index == frame_index
            ),
        )
        for masklet in run.masklets
    )
    return replace(run, video=replace(run.video, frame_count=1), masklets=masklets)


def page_score(page: MaskRun) -> float:
    """The prediction's score: 1 - the largest uncertainty of its objects."""
    return label_studio_score(combined_uncertainty(f.uncertainty for m in page.masklets for f in m.frames))


def known_corrections(tasks: Mapping[int, Mapping[str, object]], project_id: int, seal: TaskSigner) -> dict[str, int]:
    """Key and id of those of a project's tasks that are corrections of our making, the oldest for each key."""
    found: dict[str, int] = {}
    for task_id, data in sorted(tasks.items()):
        with suppress(MalformedRequest, NotAllowed):
            corrected = corrected_by(data, project_id, seal)
            if corrected is not None:
                found.setdefault(corrected.key, task_id)
    return found


def corrected_by(data: Mapping[str, object], project_id: int, seal: TaskSigner) -> Corrected | None:
    """What a task of that project corrects, from its data; None if it is no correction task.

    Raises MalformedRequest if it says so without saying what, NotAllowed if it is not of our making: anybody who may
    make tasks could write prompts into somebody else's task otherwise.
    """
    facts = data.get(DATA_KEY)
    what = facts.get(CORRECTS) if isinstance(facts, dict) else None
    if what is None:
        return None
    numbers = [what.get(name) for name in ("project", "task", "frame")] if isinstance(what, dict) else []
    if len(numbers) != 3 or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
        raise MalformedRequest(
            f"invalid field 'data.{DATA_KEY}.{CORRECTS}': it must name a project, a task and a frame"
        )
    project, task, frame = (int(str(number)) for number in numbers)
    corrected = Corrected(TaskKey(project, task), FrameIndex(frame))
    if not isinstance(facts, dict) or not seal.verify(facts.get(PROOF), project_id, corrected.key):
        raise NotAllowed(
            f"Masklet did not make this correction of frame {frame} of task {corrected.task}, or not in this project: "
            "make it with `masklet next --into`"
        )
    return corrected


def carried_back(drawn: PromptSet, corrected: Corrected, led_here: PromptSet) -> PromptSet:
    """All prompts of the corrected task, with what was drawn on its one frame in place of what was said there.

    drawn: of the correction task, by label. led_here: what led to the masks that were corrected.
    Raises PromptError for a label that several of the task's objects have.
    """
    ids: dict[str, list[ObjectId]] = defaultdict(list)
    for object_id, label in led_here.labels.items():
        ids[label].append(object_id)
    fresh: list[FramePrompt] = []
    labels = dict(led_here.labels)
    for prompt in drawn:
        label = drawn.labels[prompt.object_id]
        meant = ids.get(label) or [ObjectId(label)]
        if len(meant) > 1:
            raise PromptError(
                f"{len(meant)} objects of task {corrected.task} have the label {label!r}: correct frame "
                f"{corrected.frame_index} in that task itself"
            )
        labels.setdefault(meant[0], label)
        fresh.append(replace(prompt, object_id=meant[0], frame_index=corrected.frame_index))
    said = {prompt.object_id for prompt in fresh}
    kept = [p for p in led_here if p.frame_index != corrected.frame_index or p.object_id not in said]
    return PromptSet.of([*kept, *fresh], labels)
