"""Label Studio tasks: keys and media references."""

from __future__ import annotations

from dataclasses import dataclass

ANONYMOUS_MARK = "?"
"""The first character of the names of anonymous annotators; no e-mail address begins with it."""

SEVERAL_USERS = "*"
"""The user of a job that several users requested; no e-mail address is equal to it."""


def is_anonymous(user: str) -> bool:
    """Whether this is an anonymous annotator, or no user at all, as for a batch."""
    return not user or user.startswith(ANONYMOUS_MARK)


def user_of_both(known: str, asking: str) -> str:
    """The user of a job that a second user requests too. A name replaces an anonymous one: it is the same person."""
    if known == asking or (is_anonymous(asking) and not is_anonymous(known)):
        return known
    return asking if is_anonymous(known) and not is_anonymous(asking) else SEVERAL_USERS


@dataclass(frozen=True, slots=True)
class MediaRef:
    """The media addresses in a task's data.

    addresses: one address of a video file, or one image address per page, in page order.
    is_pages: whether the addresses are pages. A single-image task has one page.
    """

    addresses: tuple[str, ...]
    is_pages: bool


@dataclass(frozen=True, slots=True)
class TaskKey:
    """One Label Studio task; project and task are Label Studio's numbers."""

    project_id: int
    task_id: int

    def __str__(self) -> str:
        return f"{self.project_id}/{self.task_id}"
