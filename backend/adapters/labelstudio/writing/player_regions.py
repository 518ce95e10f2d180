"""The masks of the player as regions of an annotation: one `videorectangle` per object.

A keyframe has the box of its frame's mask. Before a frame without a mask, and before the end of the masks, the keyframe
has `enabled: false`: Label Studio shows no box there and interpolates none.
"""

from __future__ import annotations

from backend.adapters.labelstudio.config.label_config import ControlKind, read_binding
from backend.adapters.labelstudio.writing.regions import region_id
from backend.adapters.labelstudio.writing.video_regions import rectangle_control, rectangle_region, video_value
from backend.adapters.labelstudio.written_regions import Item, marked
from backend.domain.errors import LabelConfigError
from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey
from backend.domain.timeline import clock_of
from backend.domain.verdicts import MaskDigests


def takes_boxes(label_config: str) -> bool:
    """Whether the config has a VideoRectangle tag on its video. False for a config that Masklet cannot read."""
    try:
        binding = read_binding(label_config)
    except LabelConfigError:
        return False
    return binding.is_video and binding.control(ControlKind.VIDEO_RECTANGLE) is not None


def player_regions(
    run: MaskRun, digests: MaskDigests, *, label_config: str, task: TaskKey, run_name: str, model_version: str
) -> list[Item]:
    """The regions of the objects that are on a frame with a number. run_name: under which the masks are stored.

    digests: of the masks, for verdicts. A label that the config lacks is left out. Raises LabelConfigError without a
    VideoRectangle tag.
    """
    binding = read_binding(label_config)
    rectangle_control(binding)
    clock = clock_of(run.video, binding.framerate)
    regions: list[Item] = []
    for masklet in run.masklets:
        value = video_value(masklet, clock, vector=False)
        if value is None:
            continue
        region = rectangle_region(region_id(task, masklet.object_id, 0), masklet.label, value, binding)
        regions.append(marked(region, object_id=masklet.object_id, run=run_name, model=model_version, masks=digests))
    return regions
