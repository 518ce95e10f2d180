"""What Label Studio's table of tasks shows of a task's prediction: its most uncertain page.

The values are in the task's data, because the table has no column of a prediction's own. They are written with each
prediction, so that they are those of the masks that the task page shows.
"""

from __future__ import annotations

from backend.domain.masklets import MaskRun
from backend.domain.uncertainty.scoring import fixed_width

WORST_PAGE = "worst_page"
UNCERTAINTY = "uncertainty"
EARLIER = ("worst_frame",)
"""Fields that earlier builds wrote and nothing renews."""


def table_values(run: MaskRun) -> dict[str, object]:
    """Fields for the data of a run's task; None deletes a field.

    The page counts from 1. Its uncertainty is the largest of its objects. Neither is there if every mask is certain.
    """
    worst = max(
        ((frame.uncertainty, -int(frame.frame_index)) for masklet in run.masklets for frame in masklet.frames),
        default=(0.0, 0),
    )
    found: dict[str, object] = dict.fromkeys((WORST_PAGE, UNCERTAINTY, *EARLIER))
    if worst[0] > 0.0:
        found |= {WORST_PAGE: 1 - worst[1], UNCERTAINTY: fixed_width(worst[0])}
    return found
