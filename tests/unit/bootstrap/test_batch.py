"""The plans and prompt sources of the options of `masklet import`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.api.client import LabelStudioClient, TaskRecord
from backend.adapters.labelstudio.api.task_creation import StoredPrediction
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.application.exports.naming import safe_name
from backend.application.imports.model import ImportMode, PromptSource, Source, SourceMedia, SourceMediaKind, TaskDraft
from backend.bootstrap.imports.batch import BatchOptions, _plan
from backend.bootstrap.imports.batch_prompts import TaskPrompts, file_prompter
from backend.domain.errors import InvalidInput, PromptError
from backend.domain.geometry import FrameSize
from backend.domain.prompts import PromptSet
from backend.domain.selection import parse_selection
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.engine import FakeVideo
from tests.fakes.web import FRAMES, VIDEO, video_box

FILE = {"objects": [{"id": "c", "label": "Cat", "prompts": [{"frame": 2, "points": [[0.5, 0.5, 1]]}]}]}


def box(region_id: str, page: int, label: str = "Dog") -> dict[str, object]:
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": [label]}
    return {
        "id": region_id, "from_name": "rect", "to_name": "img", "type": "rectanglelabels", "value": value,
        "item_index": page, "original_width": 64, "original_height": 48, "image_rotation": 0,
    }  # fmt: skip


@dataclass
class FakeLabelStudio:
    """Tasks, annotations and predictions of one project."""

    data: Mapping[str, object] = field(default_factory=lambda: {"frames": ["/a.png", "/b.png"]})
    found: tuple[AnnotationRecord, ...] = ()
    made: list[StoredPrediction] = field(default_factory=list)

    @property
    def imports(self) -> FakeLabelStudio:
        return self

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        return TaskRecord(task, self.data)

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        return self.found

    def predictions(self, task_id: int) -> list[StoredPrediction]:
        return self.made


def client(fake: FakeLabelStudio | None = None) -> LabelStudioClient:
    return cast(LabelStudioClient, fake or FakeLabelStudio())


def prompter(where: str, fake: FakeLabelStudio | None = None) -> PromptSource:
    return file_prompter(where, FRAMES, client(fake), 3, info_of=info_of)


def info_of(medium: SourceMedia) -> VideoInfo:
    return VideoInfo(medium.content_hash, medium.size, medium.frame_count, medium.frame_rate)


def draft(path: Path, *frames: int, number: int = 0) -> TaskDraft:
    medium = SourceMedia(
        ContentHash("ab" * 32), SourceMediaKind.VIDEO, path, path.name, FrameSize(64, 48), 9, Fraction(25), ""
    )
    return TaskDraft("k-00000", path.name, medium, tuple(FrameIndex(f) for f in frames), number=number)


def shown(prompts: PromptSet) -> list[tuple[str, int]]:
    return [(str(p.object_id), int(p.frame_index)) for p in prompts]


def test_a_prompt_file_for_all_and_one_for_each(tmp_path: Path) -> None:
    (tmp_path / "clip.json").write_text(json.dumps(FILE))
    source = Source("x", tmp_path / "clip.mp4")
    for where in (tmp_path / "clip.json", tmp_path):
        prompts, scores = prompter(str(where)).prompts(source, draft(tmp_path / "clip.mp4", 1, 2, 3))
        assert (shown(prompts), scores) == ([("c", 1)], {})
    other = Source("x", tmp_path / "other.mp4")
    with pytest.raises(PromptError, match=r"has no other.json; it has clip.json; import .* without --prompts"):
        prompter(str(tmp_path)).prompts(other, draft(tmp_path / "other.mp4", 1, 2))


def test_a_list_s_prompt_file_is_preferred(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps(FILE))
    source = Source("x", tmp_path / "clip.mp4", prompts=str(tmp_path / "own.json"))
    assert shown(prompter("").prompts(source, draft(tmp_path / "clip.mp4", 2))[0]) == [("c", 0)]
    missing = replace(source, prompts=str(tmp_path / "none.json"))
    with pytest.raises(PromptError, match="none.json: there is no such prompt file"):
        prompter("").prompts(missing, draft(tmp_path / "clip.mp4", 2))


def test_box_files_are_found_by_the_video_s_name(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text("1,7,6,6,12,12,1,2,1\n")
    source, task = Source("x", tmp_path / "clip.mp4"), draft(tmp_path / "clip.mp4", 0, 1)
    with pytest.raises(PromptError, match=r"label 'class 2' is not in .* it has Cat, Dog; put a labels.txt beside it"):
        prompter(f"mot:{tmp_path}").prompts(source, task)
    (tmp_path / "labels.txt").write_text("Cat\nDog\n")
    assert shown(prompter(f"mot:{tmp_path}").prompts(source, task)[0]) == [("Dog", 0)]


def test_names_that_export_made_are_found(tmp_path: Path) -> None:
    folder = tmp_path / safe_name("my clip") / "gt"
    folder.mkdir(parents=True)
    (folder / "gt.txt").write_text("1,7,6,6,12,12,1,1,1\n")
    (folder / "labels.txt").write_text("Cat\n")
    path = tmp_path / "my clip.mp4"
    assert shown(prompter(f"mot:{tmp_path}").prompts(Source("x", path), draft(path, 0, 1))[0]) == [("Cat", 0)]


def test_a_sibling_s_newest_annotation_prompts_the_first_segment() -> None:
    records = [
        AnnotationRecord(1, "", False, [box("a", 0, "Cat")]),
        AnnotationRecord(2, "", False, [box("b", 4), box("c", 6)]),
        AnnotationRecord(3, "", True, []),
    ]
    given = prompter("sibling:12", FakeLabelStudio(found=tuple(records)))
    source = Source("x", Path("clip.mp4"))
    assert shown(given.prompts(source, draft(Path("clip.mp4"), 0, 1))[0]) == [("Dog", 0)]
    assert not given.prompts(source, draft(Path("clip.mp4"), 2, 3, number=1))[0]
    with pytest.raises(InvalidInput, match="sibling:12: that task has no annotation"):
        prompter("sibling:12")


def test_regions_of_a_sibling_that_are_no_prompts_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    unlabelled = {**box("u", 0), "value": {"x": 1, "y": 1, "width": 9, "height": 9}}
    drawn: list[object] = [box("a", 0, "Cat"), unlabelled, box("e", 0, "Egg")]
    given = prompter("sibling:12", FakeLabelStudio(found=(AnnotationRecord(1, "", False, drawn),)))
    assert shown(given.prompts(Source("x", Path("clip.mp4")), draft(Path("clip.mp4"), 0, 1))[0]) == [("Cat", 0)]
    told = "sibling:12: drawn and no prompts: 1 x region of the label 'Egg', which no tag for masks has, 1 x region w"
    assert told in caplog.text
    nothing = FakeLabelStudio(found=(AnnotationRecord(1, "", False, [unlabelled]),))
    with pytest.raises(InvalidInput, match="nothing in that task's annotation can be a prompt: 1 x region without a l"):
        prompter("sibling:12", nothing)


def test_films_cannot_be_read_back() -> None:
    with pytest.raises(InvalidInput, match="a film has neither labels nor masks .* masklet export --format coco-rle"):
        prompter("overlay:films")


def test_label_studio_s_json_prompts_the_video_of_its_task(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    task = {"data": {"video": "/data/upload/1/clip.mp4"}, "annotations": [{"result": [box("a", 1, "Cat")]}]}
    path.write_text(json.dumps([task]), encoding="utf-8")
    source, clip = Source("clip.mp4", Path("clip.mp4")), draft(Path("clip.mp4"), 0, 1)
    for where in (path, tmp_path):
        assert shown(prompter(f"labelstudio:{where}").prompts(source, clip)[0]) == [("Cat", 1)]
    path.with_name("other.json").write_text(path.read_text().replace("Cat", "Egg"), encoding="utf-8")
    with pytest.raises(PromptError, match="label 'Egg' is not in the project's label config; it has Cat, Dog"):
        prompter(f"labelstudio:{path.with_name('other.json')}").prompts(source, clip)


@pytest.mark.parametrize("where", ["none.json", "mot:none", "words", "sibling:x"])
def test_unknown_options_name_the_choices_or_the_place(where: str) -> None:
    with pytest.raises(InvalidInput, match=f"--prompts '?{where}"):
        prompter(where)


def no_media_info(media: MediaRef) -> VideoInfo:
    raise AssertionError("pages need no look at the media")


def read(where: str, fake: FakeLabelStudio, prompts: str = "") -> list[tuple[str, int]]:
    given = TaskPrompts(where, FRAMES, client(fake), no_media_info).read(
        Source("t", task_id=5, prompts=prompts), TaskKey(3, 5)
    )
    assert given.media.addresses == ("/a.png", "/b.png")
    return shown(given.prompts)


def test_predictions_of_a_video_use_the_page_s_frame_numbers() -> None:
    """A tag that counts 10 frames a second, and a video of 25: number 4 is 0.302 s, which is frame 7."""
    config = VIDEO.replace('framerate="25"', 'framerate="$fps"')
    made = [StoredPrediction("yolo-1", [video_box(frame=4)], 0.6)]
    fake = FakeLabelStudio({"video": "/data/clip.mp4", "fps": "10"}, made=made)
    prompts = TaskPrompts("predictions", config, client(fake), lambda media: FakeVideo().info)
    found = prompts.read(Source("t", task_id=5), TaskKey(3, 5)).prompts
    assert shown(found) == [("b1", 7)]
    assert [prompt.automatic for prompt in found] == [0.6]


def test_a_tasks_own_prompts_and_other_models_predictions(tmp_path: Path) -> None:
    frames = ["/a.png", "/b.png"]
    assert read("", FakeLabelStudio({"frames": frames, "prompts": FILE})) == [("c", 2)]
    assert read("", FakeLabelStudio()) == []
    made = [
        StoredPrediction("yolo-1", [box("a", 0), box("b", 1), box("c", 1, "Cat")]),
        StoredPrediction("other", [box("d", 1, "Cat")]),
    ]
    assert read("predictions:yolo-1", FakeLabelStudio(made=made)) == [("Dog", 0), ("Cat", 1)]
    assert read("predictions", FakeLabelStudio(made=made)) == [("Cat", 1)]
    assert read("predictions", FakeLabelStudio()) == []
    (tmp_path / "p.json").write_text(json.dumps(FILE))
    assert read("", FakeLabelStudio(), prompts=str(tmp_path / "p.json")) == [("c", 2)]


def test_invalid_prompt_sources_of_a_task_are_refused() -> None:
    with pytest.raises(PromptError, match="--prompts auto is for files, not for tasks that exist"):
        read("auto", FakeLabelStudio())
    wrong = {**FILE, "objects": [{**FILE["objects"][0], "label": "Bat"}]}
    with pytest.raises(PromptError, match="label 'Bat' is not in the label config; it has Cat, Dog"):
        read("", FakeLabelStudio({"frames": ["/a.png", "/b.png"], "prompts": wrong}))


def test_the_label_config_decides_pages_or_video() -> None:
    assert _plan(BatchOptions(3, segment=5, overlap=1), read_binding(FRAMES)).mode is ImportMode.PAGES
    plans = [_plan(BatchOptions(3, segment=given, overlap=1), read_binding(FRAMES)) for given in (None, 0, 5)]
    assert [(plan.segment, plan.overlap) for plan in plans] == [(100, 1), (None, 0), (5, 1)]
    assert _plan(BatchOptions(3), read_binding(VIDEO)).value_key == "video"
    with pytest.raises(InvalidInput, match=r"--as keyframes does not fit project 3: its label config shows pages"):
        _plan(BatchOptions(3, ImportMode.KEYFRAMES), read_binding(FRAMES))
    for options in (BatchOptions(3, segment=5), BatchOptions(3, selection=parse_selection("every:2"))):
        with pytest.raises(InvalidInput, match="a video is shown whole"):
            _plan(options, read_binding(VIDEO))


def test_an_import_loads_no_model() -> None:
    code = "import sys, backend.bootstrap.imports.batch, backend.interfaces.cli.import_; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
