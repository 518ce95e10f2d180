"""The bodies that the lead's API takes, for its OpenAPI document. They are read in `forms`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from backend.interfaces.http.lead.training_schemas import PartName
from backend.interfaces.http.player.schemas import VerdictName


def _example(**content: object) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": content})  # type: ignore[dict-item]


class LeadVerdictBody(BaseModel):
    """A verdict on whole tasks."""

    model_config = _example(tasks=[41, 42], verdict="redo", comment="the tail is missing")
    tasks: list[int] = Field(description="Numbers of tasks, at most 100.")
    verdict: VerdictName | None = Field(description="The verdict; null takes back the caller's.")
    comment: str | None = Field(None, max_length=2000, description="A comment, shown to the people of the task.")


class OrderBody(BaseModel):
    """Tasks to propagate."""

    model_config = _example(tasks=[41, 42])
    tasks: list[int] | None = Field(None, description="Numbers of tasks; null: all that have prompts and no masks.")


class LeadExportBody(BaseModel):
    """Tasks to export."""

    model_config = _example(tasks=[41, 42], format="coco", verdict="satisfactory", labels="annotations")
    tasks: list[int] | None = Field(None, description="Numbers of tasks, at most 1,000; null: the whole project.")
    format: str = Field(description="A format of `masklet export`.")
    verdict: str = Field("all", description="As `masklet export --verdict`.")
    labels: str = Field("annotations", description="As `masklet export --from`: annotations, predictions or both.")
    annotator: str = Field("newest", description="As `masklet export --annotator`.")


class TrainingBody(BaseModel):
    """A training on the project's labels; what is null is as the settings say."""

    model_config = _example(minutes=60, what="memory", activate_if_better=False)
    minutes: float | None = Field(None, description="Minutes of training.")
    what: PartName | None = Field(None, description="What is trained: decoder, memory or all.")
    activate_if_better: bool | None = Field(None, description="Use the checkpoint at once if it is better.")


class ModelBody(BaseModel):
    """The checkpoint to use."""

    model_config = _example(training="p7-3f9a1c")
    training: str | None = Field(description="A training of the project with a checkpoint; null: the model before.")
