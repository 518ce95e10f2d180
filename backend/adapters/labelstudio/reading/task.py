"""A task's media and user."""

from __future__ import annotations

from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.fields import Json, as_list, as_object, as_text
from backend.adapters.labelstudio.storage_addresses import media_address
from backend.domain.errors import MalformedRequest
from backend.domain.jobs import OutputMode
from backend.domain.tasks import MediaRef

MAX_PAGES = 100_000
MAX_ADDRESS_CHARS = 16_384


def media_of_task(task: Json, binding: Binding, *, task_id: int) -> MediaRef:
    """The task's media: a video's address, or one address per page. An address of cloud storage is the resolver's.

    task: its `data` are read. task_id: through which Label Studio resolves addresses.

    Raises MalformedRequest naming the field of the task's data that is missing or does not fit the tag.
    """
    where = f"the task's data.{binding.value_key}"
    value = _at(as_object(task.get("data"), "the task's data"), binding.value_key, where)
    if binding.mode is not OutputMode.PAGES:
        return MediaRef((_address(value, where, task_id),), is_pages=not binding.is_video)
    pages = as_list(value, where)
    if not 1 <= len(pages) <= MAX_PAGES:
        raise MalformedRequest(f"{where} must list 1 to {MAX_PAGES} pages, it lists {len(pages)}")
    return MediaRef(tuple(_address(page, f"{where}[{i}]", task_id) for i, page in enumerate(pages)), is_pages=True)


def user_of_drafts(task: Json) -> str:
    """The current user, whose drafts alone Label Studio sends; empty if unknown."""
    drafts = task.get("drafts")
    users: set[str] = set()
    for draft in drafts if isinstance(drafts, list) else []:
        user = draft.get("user") if isinstance(draft, dict) else None
        if isinstance(user, str | int) and not isinstance(user, bool):
            users.add(str(user)[:200])
    return users.pop() if len(users) == 1 else ""


def _at(data: Json, key: str, where: str) -> object:
    """The value under a key. A dot names a nested object, unless the data has the dotted key itself."""
    if key in data:
        return data[key]
    value: object = data
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise MalformedRequest(f"{where} is missing; the label config reads the media's address from there")
        value = value[part]
    return value


def _address(value: object, where: str, task_id: int) -> str:
    address = as_text(value, where, longest=MAX_ADDRESS_CHARS).strip()
    if not address:
        raise MalformedRequest(f"{where} is empty; it must be the media's address")
    return media_address(address, task_id)
