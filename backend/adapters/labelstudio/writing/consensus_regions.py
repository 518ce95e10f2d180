"""The result of a consensus prediction: the regions of a label config, in a video with a reference to the masks."""

from __future__ import annotations

from backend.adapters.labelstudio.writing.player_regions import player_regions, takes_boxes
from backend.adapters.labelstudio.writing.regions import build_regions, score_of
from backend.adapters.labelstudio.written_regions import Item, reference_of
from backend.application.crowd.quality.consensus_runs import CONSENSUS
from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import MaskDigests


def consensus_regions(run: MaskRun, *, label_config: str, task: TaskKey, run_name: str) -> list[Item]:
    """On pages the masks themselves. In a video boxes, whose masks an export reads from the stored run.

    Raises LabelConfigError, or PromptError for a label that the config cannot write.
    """
    if not takes_boxes(label_config):
        return build_regions(run, label_config=label_config, task=task)
    written = player_regions(
        run, MaskDigests(), label_config=label_config, task=task, run_name=run_name, model_version=CONSENSUS
    )
    scores = {
        each.object_id: score_of(frame.uncertainty for frame in each.frames) for each in run.masklets if each.frames
    }
    return [{**region, "score": scores[found.object_id]} for region in written if (found := reference_of(region))]
