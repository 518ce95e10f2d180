"""A folder that `masklet propagate` writes, through `masklet next` and `masklet report`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from backend.adapters.media.cache import file_hash
from backend.adapters.media.decode import open_video
from backend.adapters.store.datasets.mask_folder import mask_folder
from backend.adapters.store.datasets.review_folder import read_review_folder
from backend.codecs.coco_rle import CocoCodec
from backend.domain.geometry import box_of_mask
from backend.domain.masklets import FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex
from backend.interfaces.cli import app
from scripts.calibration.clip_appearance import Split
from scripts.calibration.clips import split_clip
from scripts.demonstration.write_video import write_video

CAT = ObjectId("the cat")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    frames = np.random.default_rng(0).integers(0, 255, (12, 48, 64, 3)).astype(np.uint8)
    return write_video(frames, tmp_path / "clip.mp4")


@pytest.fixture
def folder(tmp_path: Path, clip: Path) -> Path:
    """Frame 0 drawn by a person; uncertain from frame 7 on."""
    mask = np.zeros((48, 64), np.bool_)
    mask[10:20, 10:30] = True
    evidence = FrameEvidence((0.9,), 5.0, 0.9, 0.9, 0.1, None, box_of_mask(mask), 1, embedding=(1.0, 0.0))
    with open_video(clip, file_hash(clip)) as video, mask_folder(tmp_path / "out", CocoCodec()) as sink:
        for index in range(12):
            origin = MaskOrigin.HUMAN if index == 0 else MaskOrigin.PROPAGATED
            uncertainty = 0.9 if index >= 7 else 0.0 if index == 0 else 0.1
            frame = MaskletFrame(FrameIndex(index), CocoCodec().encode(mask), evidence, origin, uncertainty)
            sink.put(CAT, frame)
        sink.finish(video.info, {CAT: "Cat"}, {"model": "masklet-demo-12345678-u87654321", "video": "clip.mp4"})
    return tmp_path / "out"


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_first_chosen_frame_is_among_the_failing_ones(folder: Path, tmp_path: Path) -> None:
    out = run("next", str(folder), "--frames", "2", "--json", str(tmp_path / "next.json"))
    first = json.loads((tmp_path / "next.json").read_text())[0]
    assert (first["frame"], first["object"], first["uncertainty"]) == (8, "the cat", 0.9)
    assert first["is_probability"] is True
    assert "rank" not in out


def test_a_second_look_file_of_an_earlier_build_is_ignored(folder: Path) -> None:
    (folder / "second_look.json").write_text("unreadable")
    assert [seen.uncertainty for seen in read_review_folder(folder).video.objects[CAT]][6:8] == [0.1, 0.9]
    run("next", str(folder), "--frames", "1")


def test_the_cuts_of_a_propagated_film_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten frames of one clip, then six of another, with the demo model."""
    first, second = (split_clip(Split.CALIBRATION, number, frames=16) for number in (7, 5))
    frames = [(first if t < 10 else second).video.frame(FrameIndex(t)) for t in range(16)]
    film = write_video(np.stack(frames), tmp_path / "film.mp4")
    box = box_of_mask(first.masks[0, 0])
    assert box is not None
    prompt = {"frame": 0, "box": [box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel]}
    prompts = {"objects": [{"id": "cat", "label": "Cat", "prompts": [prompt]}]}
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    for name, value in {"MODEL": "demo", "DEVICE": "cpu", "THREADS": "1", "DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(f"MASKLET_{name}", value)
    run("propagate", str(film), "--prompts", str(tmp_path / "prompts.json"), "--out", str(tmp_path / "out"))
    assert read_review_folder(tmp_path / "out").video.cuts == (10,)


def test_the_report_shows_the_chosen_frames_with_their_masks(folder: Path, clip: Path, tmp_path: Path) -> None:
    run("report", str(folder), "--out", str(tmp_path / "r.html"), "--video", str(clip), "--frames", "3")
    text = (tmp_path / "r.html").read_text()
    assert len(re.findall(r'<img src="data:image/jpeg;base64,', text)) == 3
    assert "Cat" in text


def test_another_video_is_refused(folder: Path, tmp_path: Path) -> None:
    other = write_video(np.zeros((3, 48, 64, 3), np.uint8), tmp_path / "other.mp4")
    done = CliRunner().invoke(app, ["report", str(folder), "--video", str(other), "--out", str(tmp_path / "r.html")])
    assert "is not the video that was propagated" in str(done.exception)
    assert not (tmp_path / "r.html").exists()


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["next", str(tmp_path)])
    assert "name a folder that `masklet propagate` made" in str(done.exception)


def test_a_damaged_folder_is_named(folder: Path) -> None:
    (folder / "evidence.jsonl").write_text("{")
    done = CliRunner().invoke(app, ["next", str(folder)])
    assert "is damaged" in str(done.exception)


@pytest.mark.parametrize("method", ["medoids", "lightning-pose", "deeplabcut"])
def test_a_video_without_masks_gets_frames_that_differ(clip: Path, tmp_path: Path, method: str) -> None:
    run("next", str(clip), "--frames", "3", "--method", method, "--json", str(tmp_path / "next.json"))
    listed = json.loads((tmp_path / "next.json").read_text())
    assert [entry["reason"] for entry in listed] == [method] * len(listed)
    frames = [entry["frame"] for entry in listed]
    assert frames == sorted(set(frames))
    assert 1 <= len(frames) <= 3
