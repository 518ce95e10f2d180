"""The shapes of trainings in the lead's API, for its OpenAPI document."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.interfaces.http.player.schemas import Form

PartName = Literal["decoder", "memory", "all"]


class MeasuredModel(Form):
    """A checkpoint on the held-out videos; null: not measured."""

    j_and_f: float | None = Field(description="Mean of J and F.")
    j: float | None = Field(description="Mean IoU.")
    clicks: float | None = Field(description="Clicks until a mask has an IoU of 0.85.")
    calibration_error: float | None = Field(description="Of the uncertainty.")
    general_j: float | None = Field(description="Mean IoU on the general set, which tells forgetting.")


class TrainingGain(Form):
    """The gain in J&F on held-out videos."""

    mean: float = Field(description="The gain.")
    low: float = Field(description="The lower end of its 95 % interval.")
    high: float = Field(description="The upper end.")
    before: MeasuredModel
    after: MeasuredModel


class LeftOut(Form):
    """A video that a training does not learn from."""

    task: int = Field(description="The task's number.")
    name: str = Field(description="Its name.")
    reason: str = Field(description="A sentence.")


class TrainingForm(Form):
    """A training of the project."""

    name: str = Field(description="Its name, and that of its checkpoint.")
    state: Literal["queued", "running", "done", "failed", "cancelled"] = Field(description="Its state.")
    user: str = Field(description="Who asked for it; empty: a person at the machine.")
    base: str = Field(description="The checkpoint it starts from; auto: the one in use at its start.")
    minutes: float = Field(description="Minutes of training.")
    what: PartName = Field(description="What is trained.")
    share: float = Field(description="How far it is, 0 to 1.")
    phase: str = Field(description="What it does, for people.")
    figures: dict[str, float | None] = Field(description="Of the newest steps.")
    is_ending: bool = Field(description="It was cancelled, and ends at its next step.")
    gain: TrainingGain | None = Field(description="null: not measured yet.")
    is_better: bool = Field(description="Better beyond doubt, and nothing forgotten.")
    reason: str = Field(description="Why it is better or not; why it failed.")
    note: str = Field(description="What followed.")
    checkpoint: str = Field(description="The offered checkpoint; empty: none.")
    is_here: bool = Field(description="Whether the checkpoint's files are in the model folder.")
    is_active: bool = Field(description="Whether the checkpoint is in use.")
    videos: int = Field(description="The count of videos with labels that count.")
    frames: int = Field(description="The count of frames that count.")
    people: list[str] = Field(description="Who annotated and approved them.")
    left_out: list[LeftOut] = Field(description="At most 100.")
    report: str = Field(description="The address of the report; empty: none yet.")


class TrainingList(Form):
    """The trainings of a project, and the model in use."""

    trainings: list[TrainingForm] = Field(description="The newest first.")
    active: str = Field(description="The activated checkpoint; empty: none.")
    setting: str = Field(description="MASKLET_MODEL; another value than auto counts before what is activated.")
    minutes: float = Field(description="Minutes of a training that names none.")
    what: PartName = Field(description="What such a training trains.")
    workers: int | None = Field(description="Train workers; null: the queue does not answer.")
