"""The batch: generated clips with moving objects, and a box around each of two objects on the first frame."""

from __future__ import annotations

import json
from pathlib import Path

from backend.domain.geometry import BoolMask, box_of_mask
from backend.evaluation.synthetic.clips import render_clip
from scripts.demonstration.write_video import write_video

SIZE = (120, 160)
OBJECTS = 2
FIRST_SEED = 21_000


def prepare_batch(folder: Path, *, clips: int, frames: int) -> Path:
    """Writes clips/NUMBER.mp4 and prompts/NUMBER.json below the folder, as far as they are missing; returns it."""
    batch = folder / f"batch-{clips}x{frames}"
    for name in ("clips", "prompts"):
        (batch / name).mkdir(parents=True, exist_ok=True)
    for number in range(clips):
        prompts = batch / "prompts" / f"{number:03d}.json"
        if not prompts.exists():
            clip = render_clip(FIRST_SEED + number, frames=frames, size=SIZE)
            write_video(clip.frames, batch / "clips" / f"{number:03d}.mp4")
            visible = [mask for mask in clip.masks[0] if mask.any()][:OBJECTS]
            objects = [_object(number, mask) for number, mask in enumerate(visible, 1)]
            prompts.write_text(json.dumps({"objects": objects}))
    return batch


def _object(number: int, mask: BoolMask) -> dict[str, object]:
    """mask: [H, W] bool, not empty."""
    box = box_of_mask(mask)
    assert box is not None
    prompt = {"frame": 0, "box": [round(side, 4) for side in (box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel)]}
    return {"id": f"object-{number}", "label": f"Object {number}", "prompts": [prompt]}
