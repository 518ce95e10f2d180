"""The forms of the player's API for its OpenAPI document. What is sent is made in `forms`; a test compares both."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Point = Annotated[list[float], Field(min_length=3, max_length=3, description="[x, y, 1 on or 0 beside the object].")]
Box = Annotated[list[float], Field(min_length=4, max_length=4, description="[x0, y0, x1, y1], relative, 0 to 1.")]
Range = Annotated[list[int], Field(min_length=2, max_length=2, description="[start, stop]: frames start to stop - 1.")]
FrameValue = Annotated[list[float], Field(min_length=2, max_length=2, description="[frame, value].")]
Frame = Annotated[int, Field(ge=0, description="Frame index, from 0.")]
VerdictName = Literal["satisfactory", "redo", "reject", "skipped"]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(Form):
    """Why a call was refused."""

    type: str = Field(description="Always about:blank.")
    title: str = Field(description="The same as detail.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence for people.")
    way_out: str = Field(description="What to do; may be empty.")


class Person(Form):
    """The signed-in person."""

    user: str = Field(description="The name under which prompts are recorded; empty without a Label Studio.")
    name: str = Field(description="The name to show.")


class TaskAddress(Form):
    """A task of Label Studio."""

    project: int = Field(description="The project's number.")
    task: int = Field(description="The task's number.")


class Opening(Form):
    """The task cannot be shown yet; ask again."""

    status: Literal["opening"] = Field(description="Always opening.")
    detail: str = Field(description="What is waited for.")


class Video(Form):
    """The video, or the pages."""

    frame_count: int = Field(description="The count of frames.")
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    frame_rate: float = Field(description="Frames per second.")
    times_s: list[float] | None = Field(description="The time of each frame in seconds; null at a steady rate.")
    is_pages: bool = Field(description="Whether the frames are pages of images.")


class Label(Form):
    """A label of the label config."""

    name: str = Field(description="The label.")
    color: str = Field(description="#rrggbb.")


class ObjectEntry(Form):
    """An object with prompts."""

    id: str = Field(description="The object's id.")
    label: str = Field(description="Its label.")


class Rle(Form):
    """A mask in COCO's compressed run lengths."""

    size: list[int] = Field(min_length=2, max_length=2, description="[height, width] of the video, pixels.")
    counts: str = Field(description="The run lengths.")


class Prompt(Form):
    """What a person said of an object on a frame."""

    object: str = Field(description="The object's id.")
    frame: Frame
    points: list[Point] = Field(description="Clicks.")
    box: Box | None = Field(description="A box around the object.")
    mask: Rle | None = Field(description="A drawn or approved mask, in place of points and box.")


class Mask(Form):
    """An object on a frame."""

    object: str = Field(description="The object's id.")
    frame: Frame
    rle: Rle | None = Field(description="null where the object is absent.")
    origin: Literal["human", "prompted", "automatic", "propagated"] = Field(description="Where the mask comes from.")
    uncertainty: float = Field(description="0 to 1, high: review it.")
    box: Box | None = Field(description="The mask's bounding box.")


class Job(Form):
    """A propagation."""

    id: str = Field(description="The job's id.")
    state: Literal["queued", "running", "done", "failed", "cancelled"] = Field(description="Its state.")
    done: int = Field(description="The count of frames made.")
    total: int = Field(description="The count of frames to make; a stopped propagation is done with fewer.")
    frames_per_s: float | None = Field(description="The rate of the last seconds; only in events.")
    detail: str = Field(description="Why it failed.")
    start: Frame
    stop: int = Field(description="The frame after the last one.")


class Model(Form):
    """The workers' model."""

    version: str = Field(description="The model's version.")
    is_demo: bool = Field(description="Whether it is the demo model.")
    notice: str = Field(description="What people should know of it.")


class Verdict(Form):
    """What a person says of masks."""

    object: str | None = Field(description="The object's id; null for the whole task.")
    verdict: VerdictName = Field(description="The verdict.")
    comment: str = Field(description="A comment.")
    is_outdated: bool = Field(description="Whether the masks have changed since.")


class Verdicts(Form):
    """All verdicts of the caller on the task."""

    verdicts: list[Verdict] = Field(description="That on the whole task first.")


class Objection(Form):
    """What another person, such as a lead, says against the caller's masks as they are now."""

    verdict: Literal["redo", "reject"] = Field(description="redo: prompt or draw again; reject: of no use.")
    comment: str = Field(description="A comment; may be empty.")


class Task(Verdicts, TaskAddress):
    """A task as the caller left it."""

    user: str = Field(description="The caller.")
    video: Video
    labels: list[Label] = Field(description="In the order of the label config.")
    objects: list[ObjectEntry] = Field(description="By label, then by number.")
    prompts: list[Prompt] = Field(description="All prompts of the caller.")
    propagation: Job | None = Field(description="The caller's newest propagation.")
    model: Model
    cuts: list[int] = Field(description="The first frames of shots.")
    revision: int = Field(description="Grows with every edit.")
    shared_masks: bool = Field(description="Whether people can look at each other's masks.")
    effort: bool = Field(description="Whether active time is recorded.")
    note: str = Field(description="What a crowd tells whoever does the task: verdicts on the try before; may be empty.")
    objections: list[Objection] = Field(description="Others' verdicts against the caller's masks of the whole task.")


class Hovered(Form):
    """The mask under the mouse."""

    masks: list[Mask] = Field(description="One mask.")


class Detected(Form):
    """An object that a text describes."""

    box: Box
    score: float = Field(description="Of the detector, 0 to 1.")


class Found(Form):
    """What a text describes on a frame."""

    detections: list[Detected] = Field(description="Those that are no object of the caller yet, best score first.")
    known: int = Field(description="How many were found that are objects already.")


class Masks(Form):
    """Masks by frame and object."""

    masks: list[Mask] = Field(description="Objects and frames without a mask are left out.")
    revision: int = Field(description="That of the task.")


class EditAnswer(Masks):
    """What an edit changed, and everything that is prompted now."""

    masks: list[Mask] = Field(description="The masks that changed.")
    prompts: list[Prompt] = Field(description="All prompts of the caller.")
    objects: list[ObjectEntry] = Field(description="All objects of the caller.")


class User(Form):
    """A person with prompts on the task."""

    user: str = Field(
        description="The person, as in `masks?user=` and `timeline?user=`; empty: not named by Label Studio."
    )
    objects: int = Field(description="The count of objects.")
    human_frames: int = Field(description="The count of frames that the person drew or approved.")
    is_you: bool = Field(description="Whether it is the caller.")


class Users(Form):
    """Everybody with prompts on the task."""

    users: list[User] = Field(description="By name.")


class Beat(Form):
    """A beat of activity was taken."""

    is_recorded: bool = Field(description="False: the setting is off, and nothing was kept.")


class Lane(Form):
    """One object's frames."""

    present: list[Range] = Field(description="Where the object is.")
    absent: list[Range] = Field(description="Where it is not.")
    human: list[int] = Field(description="Human frames.")
    uncertainty: list[FrameValue] = Field(description="Of each mask of the model.")


class UncertainFrame(Form):
    """A frame to look at."""

    frame: Frame
    object: str = Field(description="The object that is most uncertain there.")
    gain: float = Field(description="The expected gain of a correction.")


class Timeline(Form):
    """Where each object is present, human or uncertain."""

    objects: dict[str, Lane] = Field(description="By object.")
    next_uncertain: list[UncertainFrame] = Field(description="Best first; empty while a propagation runs.")


class Frames(Form):
    """Frames to encode."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"frames": [120, 121, 122]}})
    frames: list[Frame] = Field(description="In the order of encoding.")


class Progress(Form):
    """A task of the project."""

    task: int = Field(description="The task's number.")
    state: Literal["untouched", "prompted", "running", "done", "failed"] = Field(
        description="untouched: no prompts of the caller; running, done, failed: the caller's newest propagation."
    )
    objects: int = Field(description="The count of the caller's objects.")
    human_frames: int = Field(description="The count of frames that the caller drew or approved.")
    verdict: VerdictName | None = Field(description="The caller's verdict on the whole task.")
    object_verdicts: dict[str, VerdictName] = Field(description="The caller's verdicts by object.")


class TaskList(Form):
    """A page of a project's tasks."""

    tasks: list[Progress] = Field(description="By number.")
    total: int = Field(description="The count of all tasks of the project that the caller sees.")


class Summary(Form):
    """What the caller did in a project."""

    tasks: int = Field(description="The count of all tasks of the project that the caller sees.")
    prompted_tasks: int = Field(description="The count of tasks with prompts.")
    objects: int = Field(description="The count of objects.")
    human_frames: int = Field(description="The count of frames that the caller drew or approved.")
    task_verdicts: dict[VerdictName, int] = Field(description="The count of each verdict on whole tasks.")
    object_verdicts: dict[VerdictName, int] = Field(description="The count of each verdict on objects.")
