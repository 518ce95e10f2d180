"""The state of a propagation as bytes: its memories, and the identity of its inputs.

A safetensors blob (no pickle). Its metadata holds everything that must be equal for bit-identical following frames, and
a SHA-256 of the rest. A snapshot that does not match, or cannot be read, is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypedDict, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from backend.adapters.sam2.evidence import MaskStats
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.memory_bank import ObjectMemory
from backend.adapters.sam2.model.memory_selection import MemoryFrame
from backend.adapters.sam2.prompt_encoding import PromptedFrame
from backend.adapters.sam2.tracked_objects import Track, memories_of
from backend.domain.errors import SnapshotMismatch
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameRange, VideoInfo

FORMAT = 2

Identity = Mapping[str, str]
"""The inputs and the software of a propagation: a value for each property that must be equal."""


@dataclass(slots=True)
class PropagationState:
    """The state after `passed` frames of the pass number `frame_pass`; the tracks' memories belong to it."""

    tracks: list[Track]
    frame_pass: int = 0
    passed: int = 0

    def copy(self) -> PropagationState:
        """The state as it is now, with the same tensors: later frames change the original only."""
        tracks = [replace(track, memory=replace(track.memory)) for track in self.tracks]
        return replace(self, tracks=tracks)


class _ObjectRecord(TypedDict):
    """Frame numbers; with tracked and seam (the turn frames), whether the features are held besides the pointer."""

    prompted: list[int]
    tracked: list[tuple[int, bool]]
    seam: list[tuple[int, bool]]
    first: int | None


class _StateRecord(TypedDict):
    leg: int
    passed: int
    objects: list[_ObjectRecord]


def identity_of(
    info: VideoInfo,
    prompts: PromptSet,
    direction: Direction,
    frame_range: FrameRange,
    *,
    model_version: str,
    runs_on: Mapping[str, str],
) -> Identity:
    """The identity of a propagation. runs_on: what the results' last bits depend on besides the weights."""
    return {
        "video": info.content_hash,
        "video's frame count": str(info.frame_count),
        "model": model_version,
        "prompts": prompts.digest(),
        "direction": direction.value,
        "span": f"{frame_range.start}..{frame_range.stop}",
        **runs_on,
    }


def dump_state(state: PropagationState, identity: Identity) -> bytes:
    """A safetensors blob of the tracks' tensors, each with its own dtype and shape, copied to the CPU."""
    tensors: dict[str, Tensor] = {}
    for number, track in enumerate(state.tracks):
        for name, tensor in _tensors_of(track).items():
            tensors[f"{number}/{name}"] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    record: _StateRecord = {
        "leg": state.frame_pass,
        "passed": state.passed,
        "objects": [_record_of(track) for track in state.tracks],
    }
    metadata = {"masklet_snapshot": str(FORMAT), "identity": json.dumps(dict(identity)), "standing": json.dumps(record)}
    metadata["sha256"] = _digest(metadata, tensors)
    return cast(bytes, save(tensors, metadata))


def load_state(body: bytes, identity: Identity, *, prompts: PromptSet, blocks: Sam2Blocks) -> PropagationState:
    """The state with its tensors on the blocks' device, each with its stored dtype and shape.

    Raises SnapshotMismatch if the bytes are damaged, or of another identity.
    """
    try:
        metadata, tensors = _metadata_of(body), load(body)
        version = metadata["masklet_snapshot"]
        if version != str(FORMAT):
            raise SnapshotMismatch(f"the snapshot has format {version}, not {FORMAT}: start the propagation afresh")
        digest = metadata.pop("sha256")
        if digest != _digest(metadata, tensors):
            raise SnapshotMismatch("the snapshot is damaged: start the propagation afresh")
        _require_same(json.loads(metadata["identity"]), identity)
        record = cast(_StateRecord, json.loads(metadata["standing"]))
        parts = [_part(tensors, f"{number}/", blocks.device) for number in range(len(record["objects"]))]
        tracks = [
            _track_of(object_id, prompts.of_object(object_id), saved, part, blocks)
            for object_id, saved, part in zip(prompts.object_ids, record["objects"], parts, strict=True)
        ]
        return PropagationState(tracks, record["leg"], record["passed"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise SnapshotMismatch("the snapshot is damaged: start the propagation afresh") from error


def _metadata_of(body: bytes) -> dict[str, str]:
    """safetensors reads the metadata of files only: the header is 8 bytes of its length and then JSON."""
    length = int.from_bytes(body[:8], "little")
    return dict(json.loads(body[8 : 8 + length])["__metadata__"])


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _require_same(found: Mapping[str, str], wanted: Identity) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            shown = f"{_short(found.get(name, 'nothing'))}, not {_short(value)}"
            raise SnapshotMismatch(f"the snapshot has another {name} ({shown}): start the propagation afresh")


def _short(value: str) -> str:
    return value if len(value) <= 40 else value[:12] + "…"


def _record_of(track: Track) -> _ObjectRecord:
    memory = track.memory
    return {
        "prompted": list(track.prompted),
        "tracked": [(index, frame.features is not None) for index, frame in memory.tracked.items()],
        "seam": [(index, frame.features is not None) for index, frame in memory.turn_frames.items()],
        "first": memory.first,
    }


def _tensors_of(track: Track) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for index, prompted in track.prompted.items():
        tensors |= _memory_tensors(f"prompted/{index}", prompted.memory)
        tensors[f"prompted/{index}/logits"] = prompted.decoded.logits
        tensors[f"prompted/{index}/numbers"] = prompted.decoded.numbers
    # tracked and turn_frames share frames at first; a frame that either holds with features is written with features.
    for frames in (track.memory.turn_frames, track.memory.tracked):
        for index, frame in frames.items():
            tensors |= _memory_tensors(f"tracked/{index}", frame)
    return tensors


def _memory_tensors(name: str, frame: MemoryFrame) -> dict[str, Tensor]:
    tensors = {f"{name}/pointer": frame.pointer}
    if frame.features is not None:
        tensors[f"{name}/features"] = frame.features
    return tensors


def _part(tensors: Mapping[str, Tensor], prefix: str, device: torch.device) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t.to(device) for name, t in tensors.items() if name.startswith(prefix)}


def _track_of(
    object_id: ObjectId, prompts: PromptSet, saved: _ObjectRecord, tensors: Mapping[str, Tensor], blocks: Sam2Blocks
) -> Track:
    by_frame = {int(prompt.frame_index): prompt for prompt in prompts}
    prompted = {
        index: PromptedFrame(
            by_frame[index],
            MaskStats(tensors[f"prompted/{index}/logits"], tensors[f"prompted/{index}/numbers"]),
            _memory_of(tensors, f"prompted/{index}", whole=True),
        )
        for index in saved["prompted"]
    }
    memory = ObjectMemory(memories_of(prompted), blocks.memory_horizon, blocks.pointer_horizon)
    memory.tracked = {index: _memory_of(tensors, f"tracked/{index}", whole=whole) for index, whole in saved["tracked"]}
    memory.turn_frames = {index: _memory_of(tensors, f"tracked/{index}", whole=whole) for index, whole in saved["seam"]}
    memory.first = saved["first"]
    return Track(object_id, prompted, memory)


def _memory_of(tensors: Mapping[str, Tensor], name: str, *, whole: bool) -> MemoryFrame:
    return MemoryFrame(tensors[f"{name}/features"] if whole else None, tensors[f"{name}/pointer"])
