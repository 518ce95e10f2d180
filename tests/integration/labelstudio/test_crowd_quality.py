"""`masklet crowd agreement, trust, consensus, gold` with a real Label Studio: three people, an expert, a lead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle, encode_rle
from backend.domain.geometry import BoolMask, FrameSize
from backend.interfaces.cli import app
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "label_config"
WIDTH, HEIGHT, PAGES = 64, 48, 4
PEOPLE = ("ann@example.org", "bob@example.org", "eve@example.org")
Json = dict[str, Any]


def square(left: int, top: int, side: int) -> BoolMask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def brush(page: int, mask: BoolMask) -> Json:
    return {
        "id": f"cat-{page}",
        "from_name": "mask",
        "to_name": "frames",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": ["Object 1"]},
        "item_index": page,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "origin": "manual",
    }


def drawn(mask: BoolMask, pages: int = PAGES) -> list[Json]:
    return [brush(page, mask) for page in range(pages)]


class Lead:
    """A lead's commands, and the people's annotations."""

    def __init__(self, server: LabelStudioServer, folder: Path) -> None:
        self.api = LabelStudioApi(server.url, server.login.token)
        self.folder = folder
        self.environment = {
            "LABEL_STUDIO_URL": server.url,
            "LABEL_STUDIO_API_KEY": server.login.token,
            "MASKLET_DATA_DIR": str(folder / "data"),
            "COLUMNS": "200",
        }
        self.project = self.api.ensure_project(f"crowd {folder.name}", (CONFIGS / "frames.xml").read_text())
        self.numbers = {name: self._user(name) for name in PEOPLE}

    def _user(self, email: str) -> int:
        known = {each["email"]: int(each["id"]) for each in self.api._call("GET", "/api/users/")}
        body = {"email": email, "username": email.partition("@")[0], "first_name": email[:3], "last_name": "A"}
        return known.get(email) or int(self.api._call("POST", "/api/users/", json=body)["id"])

    def task(self, name: str) -> int:
        frames = [f"/data/local-files/?d=nowhere/{name}/{n}.jpg" for n in range(PAGES)]
        data = {"frames": frames, "clip": name, "fps": 25}
        return int(self.api._call("POST", "/api/tasks/", json={"project": self.project, "data": data})["id"])

    def annotate(self, task: int, user: str, result: list[Json]) -> None:
        made = self.api._call("POST", f"/api/tasks/{task}/annotations/", json={"result": result})
        body = {"completed_by": self.numbers[user]}
        self.api._call("PATCH", f"/api/annotations/{made['id']}/", json=body)

    def run(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments), env=self.environment)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    def read(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        out = self.folder / "out.json"
        self.run(*arguments, "--json", str(out))
        return json.loads(out.read_text())


@pytest.fixture
def lead(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[Lead]:
    opened = Lead(label_studio, tmp_path)
    yield opened
    opened.api.close()


def test_a_lead_measures_mixes_gold_and_writes_the_consensus(lead: Lead) -> None:
    disputed, gold, *others = (lead.task(name) for name in ("disputed", "gold", "third", "fourth"))
    right, wrong = square(5, 5, 20), square(40, 5, 20)
    lead.annotate(disputed, "ann@example.org", drawn(right))
    lead.annotate(disputed, "bob@example.org", drawn(square(6, 5, 20), pages=3))
    lead.annotate(disputed, "eve@example.org", drawn(wrong))
    lead.api._call("POST", f"/api/tasks/{gold}/annotations/", json={"result": drawn(right), "ground_truth": True})

    (found,) = lead.read("crowd", "agreement", str(lead.project))
    assert (found["task"], sorted(found["people"])) == (disputed, list(PEOPLE))
    pair = found["pairs_of_people"]["ann@example.org bob@example.org"]
    assert pair["j"] == pytest.approx(380 / 420, abs=1e-3)
    assert pair["overall"] == pytest.approx(380 / 420 * 3 / 4, abs=1e-3)
    assert pair["presence"] == pytest.approx(7 / 8)  # the fourth page, and eve's object, which they both lack
    assert found["worst_frames"][0]["overall"] == 0.0

    assert f"task {gold} is gold" in lead.run("crowd", "gold", "add", str(lead.project))
    assert "2 gold copies made" in lead.run(
        "crowd", "gold", "mix", str(lead.project), "--share", "0.5", "--newcomers", "0.5"
    )
    assert "0 gold copies made" in lead.run(
        "crowd", "gold", "mix", str(lead.project), "--share", "0.5", "--newcomers", "0.5"
    )
    copies = sorted(set(lead.api.tasks(lead.project)) - {disputed, gold, *others})
    assert len(copies) == 2
    assert all(lead.api.task_data(copy).keys() == lead.api.task_data(others[0]).keys() for copy in copies)
    assert lead.api._call("GET", f"/api/projects/{lead.project}/")["sampling"] == "Uniform sampling"

    for user, mask in zip(PEOPLE, (right, right, wrong), strict=True):
        for copy in copies:
            lead.annotate(copy, user, drawn(mask))
    people = {each["user"]: each for each in lead.read("crowd", "trust", str(lead.project))}
    assert set(people) == set(PEOPLE)
    low, high = people["ann@example.org"]["trust"]["interval"]
    assert low <= people["ann@example.org"]["trust"]["mean"] <= high
    assert people["ann@example.org"]["gold"]["mean"] > 0.9 > 0.1 > people["eve@example.org"]["gold"]["mean"]
    assert [name for name, each in people.items() if each["send_back"]] == ["eve@example.org"]
    results = {each["task"]: each["people"] for each in lead.read("crowd", "gold", "list", str(lead.project))}
    assert set(results) == {gold, *copies}
    assert results[gold] == {}
    assert {mask["iou"] for mask in results[copies[0]]["bob@example.org"]} == {1.0}

    first = lead.read("crowd", "consensus", str(lead.project), "--write")
    again = lead.read("crowd", "consensus", str(lead.project), "--write")
    assert {each["task"]: each["written"] for each in first} == {disputed: True, copies[0]: True, copies[1]: True}
    assert not any(each["written"] for each in again)
    (prediction,) = lead.api.predictions(disputed)
    assert prediction.model_version == "consensus"
    shown = {each["item_index"]: np.asarray(each["value"]["rle"]) for each in prediction.result}
    assert set(shown) == {0, 1, 2, 3}
    decoded = decode_rle(shown[0].tolist(), FrameSize(WIDTH, HEIGHT))
    assert (decoded & right).sum() / (decoded | right).sum() > 0.9

    # In a process of its own: its decoders end with it.
    out = str(lead.folder / "export")
    exported = ["export", f"project:{lead.project}/{disputed}", "--format", "coco-rle", "--out", out]
    command = [sys.executable, "-m", "backend.interfaces.cli", *exported, "--annotator", "trusted-consensus"]
    done = subprocess.run(command, env={**os.environ, **lead.environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (video,) = json.loads((lead.folder / "export" / "manifest.json").read_text())["videos"]
    assert video["provenance"]["kind"] == "trusted consensus"
    assert all("interval" in each["trust"] for each in video["provenance"]["annotations"])

    into = lead.api.ensure_project(f"decide {lead.folder.name}", (CONFIGS / "keyframe.xml").read_text())
    asked = ("crowd", "consensus", str(lead.project), "--task", str(disputed), "--adjudicate", str(into))
    made = lead.read(*asked)[0]["correction_tasks"]
    assert lead.read(*asked)[0]["correction_tasks"] == made
    assert made == lead.api.tasks(into)

    removed = lead.run("crowd", "gold", "remove", str(lead.project), str(gold))
    assert all(f"{lead.project}/{copy}" in removed for copy in copies)
    assert all(each["gold"] is None for each in lead.read("crowd", "trust", str(lead.project)))
