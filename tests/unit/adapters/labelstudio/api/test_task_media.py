"""Label Studio's own files: opened for the tasks that have them, by one call for each list of addresses."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest

from backend.adapters.labelstudio.api.client import TaskRecord
from backend.adapters.labelstudio.api.media_policy import MediaPolicy
from backend.adapters.labelstudio.api.task_media import TaskMedia
from backend.adapters.labelstudio.storage_addresses import media_address
from backend.application.ports.media import MediaFetch
from backend.domain.errors import Cancelled, LabelStudioUnavailable, NotAllowed
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.engine import FakeMedia
from tests.fakes.fetches import FakeFetch
from tests.fakes.key_value import MemoryKeyValueStore

TASK = TaskKey(1, 7)
UPLOAD = "/data/upload/1/ab-clip.mp4"
LOCAL = "/data/local-files/?d=videos/clip.mp4"


@dataclass
class Studio:
    """Label Studio with one task."""

    data: dict[str, object] = field(default_factory=dict)
    media_policy: MediaPolicy = field(default_factory=lambda: MediaPolicy.of("http://studio:8080", ()))
    asked: int = 0
    is_down: bool = False
    answers: threading.Event | None = None

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        self.asked += 1
        if self.answers is not None:
            self.answers.wait(10)
        if self.is_down:
            raise LabelStudioUnavailable("Label Studio does not answer")
        if task.project_id != TASK.project_id:
            raise NotAllowed(f"task {task.task_id} is not of project {task.project_id}")
        return TaskRecord(task, self.data)


def is_correction(project_id: int, data: Mapping[str, object]) -> bool:
    return data.get("masklet") == f"signed for {project_id}"


class FetchingMedia(FakeMedia):
    """A library whose fetches end at once."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[MediaRef] = []

    def fetch(self, media: MediaRef, *, frames: Collection[FrameIndex] | None = None) -> FakeFetch:
        self.fetched.append(media)
        fetch = FakeFetch()
        fetch.is_done = True
        return fetch


class Setup:
    def __init__(self, **data: object) -> None:
        self.studio = Studio(dict(data))
        self.library = FetchingMedia()
        self.key_values = MemoryKeyValueStore()

    @property
    def media(self) -> TaskMedia:
        return TaskMedia(self.library, self.studio, self.key_values, is_correction)

    def open(self, *addresses: str, task: TaskKey | None = TASK) -> None:
        self.media.open(MediaRef(addresses, is_pages=len(addresses) > 1), task=task)

    def fetch(self, address: str) -> MediaFetch:
        return self.media.fetch(MediaRef((address,), is_pages=False), task=TASK)


@pytest.mark.parametrize("address", [UPLOAD, LOCAL, "/storage-data/uploaded/?filepath=upload/1/a.mp4"])
def test_a_tasks_own_files_are_opened_and_asked_for_once(address: str) -> None:
    setup = Setup(video=address)
    for _ in range(3):
        setup.open(address)
    assert (setup.studio.asked, len(setup.library.opened)) == (1, 3)


def test_the_host_and_the_place_in_the_data_do_not_matter() -> None:
    setup = Setup(nested={"pages": [f"http://studio:8080{UPLOAD}", LOCAL]})
    setup.open(UPLOAD, LOCAL)
    setup.open(f"http://studio:8080{UPLOAD}", LOCAL)
    assert setup.studio.asked == 1


@pytest.mark.parametrize(
    "address", ["/data/upload/1/secret.mp4", "/data/upload/99/a.mp4", "/data/local-files/?d=videos/secret.mp4"]
)
def test_a_file_that_the_task_does_not_have_is_refused(address: str) -> None:
    setup = Setup(video=UPLOAD)
    for addresses in ((address,), (UPLOAD, address)):
        with pytest.raises(NotAllowed, match=r"task 1/7 does not have /data/.*: Label Studio knows other data of it"):
            setup.open(*addresses)
    assert setup.library.opened == []


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("/data/upload/99/a.mp4", "a file of project 99"),
        ("/projects/99/resolve/?fileuri=czM6Ly8", "a file of project 99"),
        ("/tasks/8/resolve/?fileuri=czM6Ly8", "a file of task 8"),
    ],
)
def test_a_file_of_another_project_or_task_is_refused_though_named(address: str, owner: str) -> None:
    setup = Setup(video=address)
    with pytest.raises(NotAllowed, match=owner) as refusal:
        setup.open(address)
    assert "czM6" not in str(refusal.value)


def test_a_file_in_cloud_storage_is_opened_for_the_task_that_names_it() -> None:
    stored, other = "s3://films/dir/a.mp4", "s3://films/secret.mp4"
    setup = Setup(nested={"pages": [stored]})
    setup.open(media_address(stored, 7))
    with pytest.raises(NotAllowed, match=f"task 1/7 does not have {other}: Label Studio knows other data of it"):
        setup.open(media_address(other, 7))
    with pytest.raises(NotAllowed, match="task 1/7 does not have"):
        setup.open(media_address(stored, 8))
    assert [media.addresses for media in setup.library.opened] == [(media_address(stored, 7),)]


def test_a_correction_task_shows_a_page_of_another_project() -> None:
    address = "/data/upload/99/page.png"
    Setup(image=address, masklet="signed for 1").open(address)
    with pytest.raises(NotAllowed, match="a file of project 99"):
        Setup(image=address, masklet="signed for 2").open(address)


def test_files_of_other_origins_are_not_asked_about() -> None:
    setup = Setup()
    setup.open("https://media.example.org/a.mp4")
    setup.open("https://media.example.org/a.mp4", task=None)
    assert (setup.studio.asked, len(setup.library.opened)) == (0, 2)


def test_a_request_without_a_task_opens_none_of_them() -> None:
    with pytest.raises(NotAllowed, match="does not say of which task"):
        Setup(video=UPLOAD).open(UPLOAD, task=None)


def test_a_known_file_is_opened_while_label_studio_is_down() -> None:
    setup = Setup(video=UPLOAD)
    setup.open(UPLOAD)
    setup.studio.is_down = True
    setup.open(UPLOAD)
    with pytest.raises(LabelStudioUnavailable):
        setup.open(LOCAL)
    setup.key_values.write("media/1-7", b"damaged")
    with pytest.raises(LabelStudioUnavailable):
        setup.open(UPLOAD)


def test_changed_data_are_asked_for_again() -> None:
    setup = Setup(video=UPLOAD)
    setup.open(UPLOAD)
    setup.studio.data = {"video": LOCAL}
    setup.open(LOCAL)
    assert setup.studio.asked == 2


def test_a_fetch_is_checked_before_it_starts() -> None:
    setup = Setup(video=UPLOAD)
    fetch = setup.fetch("/data/upload/99/a.mp4")
    assert fetch.wait(10)
    with pytest.raises(NotAllowed, match="task 1/7 does not have"):
        fetch.raise_error()
    assert setup.library.fetched == []


def test_a_slow_check_does_not_hold_up_the_caller() -> None:
    setup = Setup(video=UPLOAD)
    setup.studio.answers = threading.Event()
    fetch = setup.fetch(UPLOAD)
    assert (fetch.is_done, fetch.wait(0.0), setup.library.fetched) == (False, False, [])
    setup.studio.answers.set()
    assert fetch.wait(10)
    fetch.raise_error()
    assert (fetch.is_done, len(setup.library.fetched)) == (True, 1)
    assert setup.fetch(UPLOAD).is_done
    assert setup.studio.asked == 1


def test_a_fetch_cancelled_while_it_is_checked_starts_nothing() -> None:
    setup = Setup(video=UPLOAD)
    setup.studio.answers = threading.Event()
    fetch = setup.fetch(UPLOAD)
    fetch.cancel()
    setup.studio.answers.set()
    assert fetch.wait(10)
    with pytest.raises(Cancelled):
        fetch.raise_error()
    assert setup.library.fetched == []
