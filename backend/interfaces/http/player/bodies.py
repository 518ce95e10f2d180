"""The bodies that the player's API takes, for its OpenAPI document. They are read in `forms`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.domain.detections import MAX_TEXT_CHARS
from backend.interfaces.http.player.schemas import Box, Frame, Point, Rle, VerdictName


def _example(**content: object) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": content})  # type: ignore[dict-item]


class SessionBody(BaseModel):
    """A sign-in. Without a token, Label Studio's cookie counts."""

    model_config = _example(token="a token of Label Studio")
    token: str = Field("", description="A personal access token or legacy token of Label Studio.")


class PromptBody(BaseModel):
    """A prompt: points and a box, or a mask."""

    model_config = _example(label="Cat", points=[[0.31, 0.52, 1], [0.4, 0.1, 0]], box=[0.2, 0.3, 0.5, 0.8])
    label: str | None = Field(None, description="A label of the label config; null: the only one, or the object's id.")
    points: list[Point] | None = Field(None, max_length=1000, description="Clicks.")
    box: Box | None = Field(None, description="A box around the object.")
    mask: Rle | None = Field(None, description="A drawn mask.")


class LabelBody(BaseModel):
    """Another label."""

    model_config = _example(label="Dog")
    label: str = Field(description="A label of the label config.")


class ApprovalBody(BaseModel):
    """A range of frames whose masks are right."""

    model_config = _example(object="Cat", start=10, stop=20)
    object: str | None = Field(None, description="The object's id; null: all objects.")
    start: Frame
    stop: int = Field(description="The frame after the last one; at most 240 frames.")


class HoverBody(BaseModel):
    """Where the mouse is."""

    model_config = _example(frame=12, object="Cat", point=[0.31, 0.52, 1])
    frame: Frame
    object: str = Field(description="The object's id.")
    point: Point


class DetectionBody(BaseModel):
    """What to find."""

    model_config = _example(frame=12, text="red car")
    frame: Frame
    text: str = Field(description="What the objects are, in a few words.", min_length=1, max_length=MAX_TEXT_CHARS)


class BeatBody(BaseModel):
    """There was input in the last seconds, in a tab that is visible."""

    model_config = _example(object="Cat")
    object: str | None = Field(None, description="The selected object's id; null: none.")


class PropagationBody(BaseModel):
    """Where to propagate."""

    model_config = _example(start=12, direction="forward", count=15, objects=["Cat"], skip=4)
    start: Frame
    direction: Literal["forward", "backward", "both"] = Field("forward", description="From start.")
    count: int | None = Field(None, ge=1, description="The count of frames; null: to the end of the video.")
    objects: list[str] | None = Field(None, description="The objects to compute; null: all.")
    skip: int = Field(0, ge=0, description="The count of frames left out before each one that gets masks.")


class VerdictBody(BaseModel):
    """A verdict."""

    model_config = _example(verdict="redo", comment="the tail is missing from frame 40 on")
    verdict: VerdictName = Field(description="The verdict.")
    comment: str | None = Field(None, max_length=2000, description="A comment.")
