"""Commands without Label Studio read what no browser plays: a folder of pictures, an AVI."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from backend.interfaces.cli import app
from tests.fakes.clips import ClipSpec, number_of, numbered_frame, write_clip

COUNT = 4
PROMPTS = {"objects": [{"id": "a", "label": "Cell", "prompts": [{"frame": 0, "box": [0.1, 0.5, 0.6, 0.9]}]}]}


def masklet(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for number in range(COUNT):
        cv2.imwrite(str(folder / f"frame{8 + number}.png"), numbered_frame(number))
    return folder


def film(path: Path) -> Path:
    return write_clip(path, ClipSpec(codec="mjpeg", pixels="yuvj420p", frame_count=COUNT))


@pytest.fixture(autouse=True)
def demo_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"DATA_DIR": tmp_path / "data", "MODEL": "demo", "DEVICE": "cpu", "THREADS": "1"}.items():
        monkeypatch.setenv(f"MASKLET_{name}", str(value))


@pytest.mark.parametrize("kind", ["pictures", "film.avi"])
def test_offline_commands_read_it(tmp_path: Path, kind: str) -> None:
    video = pictures(tmp_path / kind) if kind == "pictures" else film(tmp_path / kind)
    (tmp_path / "p.json").write_text(json.dumps(PROMPTS))
    said = masklet("propagate", video, "--prompts", tmp_path / "p.json", "--out", tmp_path / "masks")
    assert f"on {COUNT} frames" in said
    masklet("export", tmp_path / "masks", "--format", "overlay", "--out", tmp_path / "films")
    masklet("export", tmp_path / "masks", "--format", "davis", "--out", tmp_path / "davis", "--video", tmp_path)
    (shown,) = (tmp_path / "films").rglob("*.mp4")
    with av.open(str(shown)) as container:
        assert container.streams.video[0].frames == COUNT
    exported = sorted((tmp_path / "davis").rglob("JPEGImages/**/*.jpg"))
    assert [number_of(np.array(Image.open(path))) for path in exported] == list(range(COUNT))
    masklet("frames", video, "--out", tmp_path / "f.zip", "--select", "all", "--no-context")
    assert (tmp_path / "f.zip").stat().st_size
    assert "Begin with these frames" in masklet("next", video, "--frames", 2)
    masklet("report", tmp_path / "masks", "--video", video, "--out", tmp_path / "r.html")
    assert "data:image" in (tmp_path / "r.html").read_text()
