"""`masklet propagate`, `masklet next --second-look` and `masklet report` with the model that ships, on a short film."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from backend.adapters.store.review_folder import read_review_folder
from backend.adapters.synthetic.trial_looks import Split
from backend.adapters.synthetic.trials import trial_clip
from backend.adapters.synthetic.video import write_video
from backend.bootstrap import second_look
from backend.domain.geometry import box_of_mask
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex
from backend.interfaces.cli import app

FRAMES, CUT = 16, 10
CAT = ObjectId("cat")
pytestmark = pytest.mark.slow


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ten frames of one clip, then six of another."""
    first, second = (trial_clip(Split.CALIBRATION, number, frames=FRAMES) for number in (7, 5))
    frames = [(first if t < CUT else second).video.frame(FrameIndex(t)) for t in range(FRAMES)]
    prompts = []
    for frame in (0, 8):
        box = box_of_mask(first.masks[frame, 0])
        assert box is not None
        prompts.append({"frame": frame, "box": [box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel]})
    document = {"objects": [{"id": "cat", "label": "Cat", "prompts": prompts}]}
    (tmp_path / "prompts.json").write_text(json.dumps(document))
    return write_video(np.stack(frames), tmp_path / "film.mp4")


@pytest.fixture
def folder(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"MODEL": "demo", "DEVICE": "cpu", "THREADS": "1", "DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(f"MASKLET_{name}", value)
    out = tmp_path / "out"
    done = run("propagate", str(film), "--prompts", str(tmp_path / "prompts.json"), "--out", str(out))
    assert done.exit_code == 0, done.output
    return out


def test_a_second_look_is_kept_and_the_choice_goes_by_it(folder: Path, film: Path, tmp_path: Path) -> None:
    before = read_review_folder(folder).video
    assert before.cuts == (CUT,)
    listed = tmp_path / "next.json"
    said = run("next", str(folder), "--second-look", "--video", str(film), "--json", str(listed))
    assert said.exit_code == 0, said.output
    spots: list[dict[str, Any]] = json.loads((folder / "second_look.json").read_text())["spots"]
    assert f"a second look at {len(spots)} frames" in said.output
    between = [spot for spot in spots if 0 < spot["frame"] < 8]
    assert between
    assert all(0 <= spot["cycle"] <= 1 for spot in between)
    after = {int(seen.frame_index): seen for seen in read_review_folder(folder).video.objects[CAT]}
    for spot in spots:
        assert after[spot["frame"]].uncertainty == spot["uncertainty"]
    chosen = {entry["frame"]: entry for entry in json.loads(listed.read_text())}
    assert any("cycle" in entry for entry in chosen.values())
    assert run("report", str(folder), "--out", str(tmp_path / "r.html")).exit_code == 0

    assert "needs its video" in str(run("next", str(folder), "--second-look").exception)
    assert json.loads((folder / "second_look.json").read_text())["spots"] == spots


def test_without_weights_it_is_refused(folder: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_look, "load_calibrator", lambda *_: None)
    done = run("next", str(folder), "--second-look", "--video", str(film))
    assert "says nothing of second looks: they would change nothing" in str(done.exception)


def test_masks_of_another_model_are_refused(folder: Path, film: Path) -> None:
    document = json.loads((folder / "masklets.json").read_text()) | {"model": "masklet-tiny-00000000"}
    (folder / "masklets.json").write_text(json.dumps(document))
    done = run("next", str(folder), "--second-look", "--video", str(film))
    assert "was propagated by masklet-tiny-00000000" in str(done.exception)
