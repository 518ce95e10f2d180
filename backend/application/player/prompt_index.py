"""A short form of a user's prompts for reading masks: digests and encoded human masks, kept until the prompts change.

Reading all prompts decodes all human masks; masks are read several times a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.application.annotation.annotation_service import UserTask
from backend.application.player.runs import Digests, digests_of
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec
from backend.domain.geometry import BoolMask
from backend.domain.masklets import EncodedMask, MaskOrigin, origin_of
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.recent import Recent
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

KEPT = 64


@dataclass(frozen=True, slots=True)
class PromptIndex:
    """The prompts of a user task.

    digests: of each prompt. human: the masks of a person's mask prompts; None for an empty one.
    """

    version: str
    object_ids: tuple[ObjectId, ...]
    digests: Digests
    human: Mapping[tuple[ObjectId, FrameIndex], EncodedMask | None]


class PromptIndices:
    """Makes indices; keeps the last ones in memory. Thread-safe."""

    def __init__(self, ledger: Ledger, codec: MaskCodec) -> None:
        self._ledger = ledger
        self._codec = codec
        self._kept: Recent[tuple[TaskKey, str], PromptIndex] = Recent(KEPT)

    def of(self, user_task: UserTask) -> PromptIndex:
        """The index of the user's prompts as they are now."""
        key = (user_task.task, user_task.user)
        version = self._ledger.prompts_version(user_task.task, user=user_task.user)
        known = self._kept.get(key)
        if known is not None and known.version == version:
            return known
        # A change between the two reads is found at the next call: the version is the older one.
        made = index_of(self._ledger.prompts(user_task.task, user=user_task.user), self._codec, version=version)
        self._kept.put(key, made)
        return made


def index_of(prompts: PromptSet, codec: MaskCodec, *, version: str = "") -> PromptIndex:
    """The index of these prompts. version: of the user's prompts in the ledger."""
    human = {
        (prompt.object_id, prompt.frame_index): encoded_prompt(prompt.mask, codec)
        for prompt in prompts
        if prompt.mask is not None and origin_of(prompt) is MaskOrigin.HUMAN
    }
    return PromptIndex(version, prompts.object_ids, digests_of(prompts), human)


def encoded_prompt(mask: BoolMask, codec: MaskCodec) -> EncodedMask | None:
    """The mask of a mask prompt, encoded; None for an empty one: the object is absent."""
    return codec.encode(mask) if mask.any() else None
