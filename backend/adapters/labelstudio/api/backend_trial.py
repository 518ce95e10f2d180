"""A trial of an ML backend's address: Label Studio connects it to a project that is made for it and deleted again."""

from __future__ import annotations

from dataclasses import dataclass

from backend.adapters.labelstudio.api.projects import Projects
from backend.application.ports.projects import BackendOrder
from backend.domain.errors import LabelStudioRefused

TRIAL_TITLE = "Masklet doctor (removed at once)"
TRIAL_CONFIG = (
    '<View><Video name="video" value="$video"/><Labels name="l" toName="video"><Label value="A"/></Labels></View>'
)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """problem: the reason why Label Studio cannot use the backend; empty if it can.

    project_ids: the trial projects, which are deleted. The backend may have recorded them as connected.
    """

    problem: str
    project_ids: tuple[int, ...]


def try_backend(projects: Projects, url: str, *, user: str = "", password: str = "") -> TrialResult:
    """Connects the backend to a trial project. Deletes it, and those that an interrupted trial left behind.

    Raises LabelStudioUnavailable, or LabelStudioRefused if the token may not create projects.
    """
    left_behind = projects.projects_titled(TRIAL_TITLE)
    project_id = projects.create_project(TRIAL_TITLE, TRIAL_CONFIG)
    ids = (*left_behind, project_id)
    try:
        made = projects.connect_backend(project_id, BackendOrder(url, "trial", user, password))
    except LabelStudioRefused as error:
        return TrialResult(str(error), ids)
    finally:
        for each in ids:
            projects.delete_project(each)
    return TrialResult("" if made.is_connected else made.problem or "it cannot be reached from there", ids)
