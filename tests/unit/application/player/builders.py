"""The player's use cases on the real ledger and mask store."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from backend.application.annotation.annotation_service import UserTask
from backend.application.player.current_masks import CurrentMask, CurrentMasks
from backend.application.player.prompt_edits import EditResult, PromptEdits
from backend.application.player.prompt_index import PromptIndices
from backend.application.player.propagation import Propagations
from backend.application.player.runs import UserRuns
from backend.application.player.task_view import LabelColor, OpenedTask
from backend.application.player.user_record import UserRecords
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo
from tests.fakes.engine import SIZE, FakeCodec
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import TASK, Parts

CAT, DOG = ObjectId("Cat"), ObjectId("Dog")
ANN, BOB = "ann@example.org", "bob@example.org"
LABELS = (LabelColor("Cat", "#ff0000"), LabelColor("Dog", "#00ff00"))
INFO = VideoInfo(ContentHash("ab" * 32), SIZE, 10, Fraction(25))


def opened_for(user: str = ANN) -> OpenedTask:
    media = MediaRef(("/data/clip.mp4",), is_pages=False)
    return OpenedTask(UserTask(TASK, media, "<View/>", "masklet-fake-00000000", user), INFO, LABELS)


def click(frame: int, object_id: ObjectId = CAT, *, x: float = 0.5, positive: bool = True) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(x, 0.5), positive),))


@dataclass
class Player:
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        self.records = UserRecords(MemoryKeyValueStore())
        runs, indices = UserRuns(self.parts.ledger), PromptIndices(self.parts.ledger, FakeCodec())
        self.masks = CurrentMasks(self.parts.service, self.records, runs, FakeCodec(), indices)

    def edits(self, user: str = ANN) -> PromptEdits:
        return PromptEdits(self.masks, opened_for(user))

    def put(self, prompt: FramePrompt, *, label: str = "", user: str = ANN) -> EditResult:
        self.parts.clock.advance(1)
        return self.edits(user).put(prompt, label or str(prompt.object_id), deadline_s=5)

    def propagations(self, user: str = ANN) -> Propagations:
        return Propagations(self.masks, opened_for(user).user_task)

    def shown(self, start: int = 0, stop: int = 10, *, user: str = ANN) -> dict[tuple[str, int], CurrentMask]:
        """The current masks, by object and frame."""
        found = self.masks.on(opened_for(user).user_task, FrameRange(FrameIndex(start), FrameIndex(stop)))
        return {(mask.object_id, mask.frame_index): mask for mask in found}
