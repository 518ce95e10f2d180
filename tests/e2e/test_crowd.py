"""A crowd on the real Label Studio: select, track, verify, redo, track, verify, accepted; one task a step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.people import Person, sign_up
from scripts.label_studio.server import LabelStudioServer
from tests.e2e.builders import PATIENCE_S, opened_task, player_client, session_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
Found = TypeVar("Found")
CONFIG = """<View>
  <Labels name="kind" toName="film"><Label value="Cat" background="#1f9d55"/></Labels>
  <Video name="film" value="$video" framerate="24"/><VideoRectangle name="frame" toName="film"/>
</View>"""


def choices(name: str, value: str) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": "player", "type": "choices", "value": {"choices": [value]}}


def comment(text: str) -> dict[str, Any]:
    return {"id": "c", "from_name": "comment", "to_name": "player", "type": "textarea", "value": {"text": [text]}}


def waited(what: str, look: Callable[[], Found | None]) -> Found:
    """What `look` finds. A busy machine takes its time."""
    deadline_s = time.monotonic() + 2 * PATIENCE_S
    while (found := look()) is None:
        assert time.monotonic() < deadline_s, what
        time.sleep(0.5)
    return found


class Studio:
    """Label Studio, Masklet and the command line of one crowd."""

    def __init__(self, server: LabelStudioServer, masklet: MaskletProcess, folder: Path) -> None:
        self.server, self.masklet, self.folder = server, masklet, folder
        self.lead = LabelStudioApi(server.url, server.login.token)

    def masklet_command(self, *arguments: str, group: str = "crowd") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "LABEL_STUDIO_URL": self.server.url,
            "LABEL_STUDIO_API_KEY": self.server.login.token,
            "MASKLET_DATA_DIR": str(self.masklet.data_dir),
        }
        command = [sys.executable, "-m", "backend.interfaces.cli", group, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)

    def status(self) -> dict[str, Any]:
        done = self.masklet_command("status", "cats", "--json")
        assert done.returncode == 0, done.stderr
        (crowd,) = json.loads(done.stdout)["crowds"]
        return dict(crowd)

    def projects(self) -> dict[str, int]:
        return {queue["role"]: queue["project_id"] for queue in self.status()["queues"]}

    def task(self, project: int, number: int) -> int:
        """The number-th task of a project, once it is there."""

        def look() -> int | None:
            tasks = self.lead.tasks(project)
            assert len(tasks) <= number
            return tasks[number - 1] if len(tasks) == number else None

        return waited(f"project {project} got no task {number}", look)

    def data(self, task: int) -> dict[str, Any]:
        return self.lead.task_data(task)


class At:
    """A person at a task: the player, and Label Studio's API."""

    def __init__(self, studio: Studio, person: Person, project: int, task: int) -> None:
        self.api = LabelStudioApi(studio.server.url, person.token)
        self.number = task
        self.client = player_client(studio.masklet)
        self.client.cookies.set("sessionid", person.session)
        assert self.client.post("/api/player/session", json={}).status_code == 200
        self.task = f"/api/player/tasks/{project}/{task}"
        opened_task(self.client, self.task)

    def __enter__(self) -> At:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.api.close()

    def click(self, name: str, x_pct: float, y_pct: float, frame: int = 0) -> None:
        body = {"label": "Cat", "points": [[x_pct / 100, y_pct / 100, 1]]}
        answer = self.client.put(f"{self.task}/prompts/{frame}/{name}", json=body)
        assert answer.status_code == 200, answer.text

    def propagate(self, count: int = 6) -> None:
        body = {"start": 0, "direction": "forward", "count": count}
        assert self.client.post(f"{self.task}/propagations", json=body).status_code == 202

    def masks(self) -> dict[tuple[int, str], str]:
        shown = self.client.get(f"{self.task}/masks?start=0&stop=12").json()["masks"]
        return {(each["frame"], each["object"]): each["rle"]["counts"] for each in shown if each["rle"]}

    def judge(self, name: str, verdict: str, text: str) -> None:
        answer = self.client.put(f"{self.task}/verdicts/{name}", json={"verdict": verdict, "comment": text})
        assert answer.status_code == 200, answer.text

    def submit(self, *result: dict[str, Any]) -> None:
        self.api.add_annotation(self.number, list(result))


@pytest.fixture
def studio(label_studio: LabelStudioServer, masklet: MaskletProcess, tmp_path: Path) -> Iterator[Studio]:
    masklet.wait()
    opened = Studio(label_studio, masklet, tmp_path)
    yield opened
    opened.lead.close()


def test_an_item_goes_through_the_projects_of_a_crowd(studio: Studio, clip: Clip) -> None:
    config = studio.folder / "config.xml"
    config.write_text(CONFIG)
    for name, arguments, sentence in (
        ("n", ["cats", "--verifiers", "6"], "1 to 5 people verify an item, not 6"),
        ("config", ["cats", "--config", "nowhere.xml"], "the label config nowhere.xml cannot be read"),
    ):
        refused = studio.masklet_command("init", *arguments)
        assert (refused.returncode, sentence in refused.stderr) == (2, True), (name, refused.stderr)
    made = studio.masklet_command("init", "cats", "--config", str(config))
    assert made.returncode == 0, made.stderr
    projects = studio.projects()
    assert list(projects) == ["select", "track", "verify"]
    again = studio.masklet_command("init", "cats", "--config", str(config))
    assert (again.returncode, studio.projects()) == (0, projects)
    taken = studio.masklet_command("init", "cats", "--config", str(config), "--redos", "1")
    assert (taken.returncode, "the name 'cats' is taken" in taken.stderr) == (2, True)

    ann = Person(studio.server.login.username, studio.server.login.token, session_of(studio.server))
    bob, cem = (sign_up(studio.lead, f"{name}@example.org") for name in ("bob", "cem"))
    click, other = clip.clicks[0], clip.clicks[-1]
    studio.lead.ensure_local_files(projects["select"], clip.folder)
    selected = studio.lead.add_task(projects["select"], {"video": str(clip.addresses()["video"])})
    with At(studio, ann, projects["select"], selected) as person:
        person.click("Cat", click.x_pct, click.y_pct)
        person.submit()

    tracked = studio.task(projects["track"], 1)
    with At(studio, bob, projects["track"], tracked) as person:
        waited("the track task began with nothing", lambda: person.masks() or None)
        person.click("Cat", click.x_pct + 1, click.y_pct)
        person.click("Cat 2", other.x_pct, other.y_pct)
        person.propagate()
        person.submit()
        verified = studio.task(projects["verify"], 1)
        of_bob = person.masks()
    with At(studio, bob, projects["verify"], verified) as person:
        person.submit(choices("verdict", "satisfactory"))

    def told() -> str | None:
        note = str(studio.data(verified)["crowd_note"])
        return note if "1 verdict does not count" in note else None

    waited("the maker was not told", told)
    with At(studio, cem, projects["verify"], verified) as person:
        assert waited("the masks are not shown", lambda: person.masks() or None) == of_bob
        found = person.client.get(
            "/api/player/tasks",
            params={"project": projects["verify"], "field": "crowd_step", "value": studio.data(verified)["crowd_step"]},
        )
        assert found.json()["task"] == verified
        assert person.api.next_task(projects["verify"]) == verified
        person.judge("Cat 2", "redo", "an ear is missing")
        person.submit(choices("verdict", "satisfactory"), choices("limits", "unambiguous"), comment("nearly"))

    again_tracked = studio.task(projects["track"], 2)
    note = str(studio.data(again_tracked)["crowd_note"])
    assert note.startswith("Redo 1 of 3.")
    assert 'Cat 2: redo "an ear is missing"' in note
    with At(studio, ann, projects["track"], again_tracked) as person:
        assert waited("the masks are not shown", lambda: person.masks() or None) == of_bob
        person.click("Cat 2", other.x_pct, other.y_pct, frame=2)
        person.propagate()
        person.submit()
    with At(studio, cem, projects["verify"], studio.task(projects["verify"], 2)) as person:
        person.submit(choices("verdict", "satisfactory"))
    waited("the item is not accepted", lambda: studio.status()["items"].get("accepted"))
    status = studio.status()
    assert (status["items"], status["stuck"]) == ({"accepted": 1}, [])
    assert [queue["done"] for queue in status["queues"]] == [1, 2, 2]
    assert [len(studio.lead.tasks(project)) for project in projects.values()] == [1, 2, 2]

    out = studio.folder / "out"
    source = (f"project:{projects['track']}", "--format", "coco-rle", "--out", str(out), "--verdict", "satisfactory")
    done = studio.masklet_command(*source, group="export")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["verdicts"]["objects_left_out"] == {"redo": 2}
