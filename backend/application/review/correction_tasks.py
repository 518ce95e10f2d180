"""Correction tasks: one frame of a propagated task as a task of its own, whose annotation becomes prompts of that task.

Owns the data of such a task, its initial masks, and the mapping of its annotation to the objects of the corrected task:
by label, because a single frame has no object ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from backend.application.review.next_frames import NextFrame
from backend.application.review.task_signature import TaskSigner
from backend.domain.errors import MalformedRequest, NotAllowed, PromptError
from backend.domain.masklets import Masklet, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.uncertainty.scoring import combined_uncertainty, fixed_width, label_studio_score
from backend.domain.video import FrameIndex

DATA_KEY = "masklet"
CORRECTS = "corrects"
SIGNATURE = "proof"
ONLY_PAGE = FrameIndex(0)

OBJECT_PICTURE = "object_picture"
"""The field with the object's picture, as Markdown: Label Studio requires no field that a Markdown tag shows."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """The frame of another task that a correction task corrects."""

    task: TaskKey
    frame_index: FrameIndex

    @property
    def key(self) -> str:
        """Equal for the same frame of the same task, so its correction task is made once."""
        return f"correction:{self.task}:{self.frame_index}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a correction task leads to: its image, the object on its prompted frame, the video's task.

    The last two may be empty.
    """

    image: str
    object_picture: str
    video: str


class CorrectionProject(Protocol):
    """The Label Studio project with the correction tasks."""

    def tasks(self, project_id: int) -> Mapping[int, Mapping[str, object]]:
        """The data of the project's tasks, by id."""
        ...

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        """Creates a task; returns its id."""
        ...

    def predict(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float, cluster: int
    ) -> None:
        """Gives a task its prediction. cluster: Label Studio serves the least annotated cluster first."""
        ...

    def describe(self, task: TaskKey, columns: Mapping[str, str]) -> None:
        """Adds columns to a task's data."""
        ...

    def serve_worst_first(self, project_id: int, model_version: str) -> None:
        """Makes Label Studio serve the tasks with the lowest score of this model first."""
        ...


def task_data(corrected: Corrected, addresses: Addresses, frame: NextFrame, *, signature: str) -> dict[str, object]:
    """The data of a correction task: image, columns to read and to sort by, the corrected frame, and the signature.

    The data do not have the reason of the choice: an annotator must not recognise an audit.
    """
    return {
        "image": addresses.image,
        **(
            {OBJECT_PICTURE: f"![the object where it was prompted]({addresses.object_picture})"}
            if addresses.object_picture
            else {}
        ),
        "video": frame.video.name,
        "page": frame.page,
        "object": frame.object_name,
        **({"video_task": addresses.video} if addresses.video else {}),
        "frame": int(corrected.frame_index),
        "uncertainty": fixed_width(frame.uncertainty),
        "priority": fixed_width(frame.priority),
        DATA_KEY: {
            "key": corrected.key,
            SIGNATURE: signature,
            CORRECTS: {
                "project": corrected.task.project_id,
                "task": corrected.task.task_id,
                "frame": int(corrected.frame_index),
            },
        },
    }


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


def known_corrections(tasks: Mapping[int, Mapping[str, object]], project_id: int, signer: TaskSigner) -> dict[str, int]:
    """The ids of a project's correction tasks with a valid signature, by key; the oldest task per key."""
    found: dict[str, int] = {}
    for task_id, data in sorted(tasks.items()):
        with suppress(MalformedRequest, NotAllowed):
            corrected = corrected_by(data, project_id, signer)
            if corrected is not None:
                found.setdefault(corrected.key, task_id)
    return found


def corrected_by(data: Mapping[str, object], project_id: int, signer: TaskSigner) -> Corrected | None:
    """The frame that a task of that project corrects, from its data; None if it is not a correction task.

    Raises MalformedRequest for an incomplete entry, NotAllowed without a valid signature: otherwise any user who may
    create tasks could write prompts into another user's task.
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
    if not isinstance(facts, dict) or not signer.verify(facts.get(SIGNATURE), project_id, corrected.key):
        raise NotAllowed(
            f"Masklet did not make this correction of frame {frame} of task {corrected.task}, or not in this project: "
            "make it with `masklet next --into`"
        )
    return corrected


def on_source_task(drawn: PromptSet, corrected: Corrected, earlier: PromptSet) -> PromptSet:
    """All prompts of the corrected task; those on the corrected frame are replaced by the drawn ones.

    drawn: prompts of the correction task, by label. earlier: the prompts of the corrected masks.
    Raises PromptError for a label that several of the task's objects have.
    """
    ids: dict[str, list[ObjectId]] = defaultdict(list)
    for object_id, label in earlier.labels.items():
        ids[label].append(object_id)
    fresh: list[FramePrompt] = []
    labels = dict(earlier.labels)
    for prompt in drawn:
        label = drawn.labels[prompt.object_id]
        matches = ids.get(label) or [ObjectId(label)]
        if len(matches) > 1:
            raise PromptError(
                f"{len(matches)} objects of task {corrected.task} have the label {label!r}: correct frame "
                f"{corrected.frame_index} in that task itself"
            )
        labels.setdefault(matches[0], label)
        fresh.append(replace(prompt, object_id=matches[0], frame_index=corrected.frame_index))
    drawn_ids = {prompt.object_id for prompt in fresh}
    kept = [p for p in earlier if p.frame_index != corrected.frame_index or p.object_id not in drawn_ids]
    return PromptSet.of([*kept, *fresh], labels)
