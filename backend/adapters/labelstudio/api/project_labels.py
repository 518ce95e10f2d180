"""A project's label config, and the labels in it."""

from __future__ import annotations

from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.config.label_config import class_labels


def label_config_of(session: Session, project_id: int) -> str:
    """Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""
    project: Any = session.call(f"read project {project_id}", lambda sdk: sdk.projects.get(project_id))
    return str(project.label_config or "")


def labels_of_project(session: Session, project_id: int) -> tuple[str, ...]:
    """The objects' labels in the label config's order. Raises LabelConfigError, and as label_config_of."""
    return class_labels(label_config_of(session, project_id))
