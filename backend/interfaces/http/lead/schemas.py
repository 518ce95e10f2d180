"""The forms of the lead's API for its OpenAPI document. What is sent is made in `forms`; a test compares both."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.interfaces.http.player.schemas import Form, VerdictName

StateName = Literal["untouched", "prompted", "running", "done", "failed"]
VerdictState = Literal["satisfactory", "redo", "reject", "skipped", "outdated", "none"]
SizeName = Literal["small", "medium", "large", "unknown"]


class LeadProject(Form):
    """A project that the lead sees."""

    project: int = Field(description="The project's number.")
    title: str = Field(description="Its title; empty without a Label Studio.")


class LeadProjects(Form):
    """All projects that the lead sees."""

    projects: list[LeadProject] = Field(description="By number.")
    name: str = Field(description="The lead's name.")


class Interval(Form):
    """A share, always with the interval in which it lies and the observations it is from."""

    mean: float = Field(description="0 to 1.")
    low: float = Field(description="The lower end of the 95 % interval.")
    high: float = Field(description="The upper end.")
    observations: float = Field(description="How many it is from, after decay; 0: the prior alone.")


class PersonsWork(Form):
    """A person's work on a task."""

    user: str = Field(description="The person; empty: a batch.")
    state: StateName = Field(description="prompted: no propagation ended by itself.")
    objects: int = Field(description="The count of objects.")
    done: int = Field(description="Frames made by the newest propagation.")
    total: int = Field(description="Frames that it is to make.")
    reason: str = Field(description="Why it failed.")


class LeadTaskForm(Form):
    """A task with the work of all people."""

    task: int = Field(description="The task's number.")
    name: str = Field(description="The name of an imported one; else empty.")
    state: StateName = Field(description="Of all people: running, else failed, else prompted, else done.")
    people: list[PersonsWork] = Field(description="By name.")
    labels: dict[str, int] = Field(description="The count of objects by label.")
    uncertainty: float | None = Field(description="The largest of a mask, 0 to 1; null: not read.")
    worst_frame: int | None = Field(description="Where it is, counted from 0; the page counts from 1.")
    frame_count: int | None = Field(description="The count of frames; null: not read.")
    unread: int = Field(description="The count of propagations whose masks are not read yet.")
    verdict: VerdictState = Field(description="The strictest that counts; outdated: something changed since.")
    comment: str = Field(description="Its comment.")
    given_by: list[str] = Field(description="Who gave it.")
    agreement: Interval | None = Field(description="The IoU of several people's masks; null: not observed.")
    thumbnail: str = Field(description="The address of its picture: of the masks, or of the first frame.")
    player: str = Field(description="The address of its page in the player.")
    label_studio: str = Field(description="The address of its page in Label Studio; empty without one.")


class TaskCounts(Form):
    """Counts over all tasks of the project, before the filter."""

    states: dict[StateName, int] = Field(description="By state.")
    verdicts: dict[VerdictState, int] = Field(description="By verdict.")
    labels: dict[str, int] = Field(description="The count of tasks by label.")
    people: dict[str, int] = Field(description="The count of tasks by person.")
    needing_masks: int = Field(description="How many propagations `process all` orders.")


class LeadTaskList(Form):
    """A page of the tasks that meet the filter."""

    tasks: list[LeadTaskForm] = Field(description="In the wanted order.")
    total: int = Field(description="The count of all tasks that meet the filter.")
    of: int = Field(description="The count of all tasks of the project.")
    counts: TaskCounts
    unread: int = Field(description="The count of propagations of the project that are not read yet.")
    is_listed: bool = Field(description="False: Label Studio's list of tasks is being read; ask again.")
    is_measuring: bool = Field(description="True: newer agreement is on its way; ask again.")


class LabelRow(Form):
    """A label in a task."""

    task: int = Field(description="The task's number.")
    name: str = Field(description="Its name.")
    label: str = Field(description="The label.")
    objects: int = Field(description="The count of objects of all people.")
    people: int = Field(description="The count of people with such objects.")
    clicks: int = Field(description="Points and boxes.")
    human_frames: int = Field(description="Frames that people drew or approved.")
    frames: int = Field(description="Frames with masks of the model.")
    uncertainty: float | None = Field(description="The largest of these masks; null: not read.")


class LabelTable(Form):
    """The counts per video and label."""

    rows: list[LabelRow] = Field(description="By task and label.")


class EffortForm(Form):
    """Sums of effort. A frame is one object on one frame."""

    tasks: int = Field(description="The count of tasks.")
    objects: int = Field(description="The count of objects.")
    clicks: int = Field(description="Points and boxes.")
    clicked_frames: int = Field(description="Frames with clicks.")
    edited_frames: int = Field(description="Frames that the person clicked, drew or approved.")
    frames: int = Field(description="Frames with masks.")
    edited_share: float | None = Field(description="edited_frames / frames; null without frames.")
    clicks_per_clicked_frame: float | None = Field(description="null without clicks.")
    active_s: float = Field(description="Active time in the player, seconds.")
    seconds_per_frame: float | None = Field(description="active_s / frames; null without a recorded time.")


class SizeEffort(EffortForm):
    """Effort on objects of one size in one phase."""

    phase: str = Field(description="The crowd's stage, or project.")
    size: SizeName = Field(description="small: below 32² pixels; medium: below 96²; unknown: not read.")


class TrustPoint(Form):
    """A person's trust at a time."""

    at_s: float = Field(description="Seconds since the epoch.")
    trust: Interval


class LeadPersonForm(Form):
    """A person of the project."""

    user: str = Field(description="The person; empty: a batch.")
    effort: EffortForm | None = Field(description="null: the setting is off, or the person did nothing.")
    sizes: list[SizeEffort] = Field(description="Its parts, the smallest objects first.")
    trust: Interval | None = Field(description="The share of right masks that is expected; null: not observed.")
    agreement: Interval | None = Field(description="IoU with others; null: not observed.")
    gold: Interval | None = Field(description="The share of gold masks that were right; null: not observed.")
    verdicts: dict[VerdictName, int] = Field(description="Other people's verdicts on this person's masks.")
    trust_over_time: list[TrustPoint] = Field(description="Oldest first; empty: not observed.")


class LeadPeople(Form):
    """The people of a project."""

    people: list[LeadPersonForm] = Field(description="By name.")
    is_effort_recorded: bool = Field(description="MASKLET_EFFORT.")
    is_measuring: bool = Field(description="True: newer agreement, gold and trust are on their way; ask again.")


class QueueForm(Form):
    """A stage of a crowd."""

    stage: str = Field(description="select, track or verify.")
    project: int = Field(description="Its project.")
    waiting: int = Field(description="Tasks that wait.")
    done: int = Field(description="Tasks that left it.")
    oldest_s: float | None = Field(description="How long the oldest waits, seconds; null without one.")
    per_hour: float | None = Field(description="Tasks an hour; null: not known.")
    stuck: list[str] = Field(description="What is stuck, a sentence each.")


class Queues(Form):
    """The queues of the project's crowd."""

    queues: list[QueueForm] = Field(description="Empty: the project is of no crowd.")


class AuditForm(Form):
    """What audits found of a model's masks."""

    model: str = Field(description="The model's version.")
    masks: int = Field(description="The count of audited masks.")
    failures: int = Field(description="How many were wrong.")
    low: float = Field(description="The lower end of the 95 % interval of the share.")
    high: float = Field(description="The upper end.")
    sentence: str = Field(description="The same for people.")


class Review(Form):
    """The most uncertain tasks, and the audits."""

    audits: list[AuditForm] = Field(description="By model; empty: no audit frame has been corrected.")
    uncertain: list[LeadTaskForm] = Field(description="The most uncertain first, at most 20.")
    unread: int = Field(description="The count of propagations that are not read yet.")


class Failure(Form):
    """A propagation that failed."""

    task: int = Field(description="The task's number.")
    user: str = Field(description="Whose prompts.")
    reason: str = Field(description="A sentence.")


class OrderProgress(Form):
    """The propagations that leads ordered in a project."""

    orders: int = Field(description="Their count.")
    waiting: int = Field(description="Not begun.")
    running: int = Field(description="Running.")
    finished: int = Field(description="Done.")
    cancelled: int = Field(description="Taken back, or replaced by a newer propagation.")
    share: float = Field(description="0 to 1; 1 without orders.")
    is_open: bool = Field(description="Whether something is still to happen.")
    failures: list[Failure] = Field(description="What failed.")


class JudgedTask(Form):
    """A task of a call."""

    task: int = Field(description="The task's number.")
    refused: str = Field(description="Why nothing was done; empty: it was done.")


class JudgedTasks(Form):
    """What was done for each task."""

    tasks: list[JudgedTask] = Field(description="In the order of the call.")


class ExportForm(Form):
    """An export that a lead started."""

    id: str = Field(description="Its name.")
    state: Literal["running", "done", "failed"] = Field(description="Its state.")
    format: str = Field(description="The format.")
    tasks: int = Field(description="The count of tasks.")
    detail: str = Field(description="Why it failed; what was written.")
    command: str = Field(description="The command that does the same.")
    address: str = Field(description="The address of its ZIP file; empty before it is done.")
    bytes: int = Field(description="The size of the ZIP file.")


class Exports(Form):
    """The exports of a project that are kept."""

    exports: list[ExportForm] = Field(description="The newest first.")
    formats: list[str] = Field(description="The formats that can be chosen.")
