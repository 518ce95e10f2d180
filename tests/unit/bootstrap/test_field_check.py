"""Fields that a label config needs: named before anything is made, given with --data or a list's column."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.config.shown_fields import needed_fields
from backend.application.imports.model import ImportMode, Plan, Source, SourceMedia, SourceMediaKind, TaskDraft
from backend.application.imports.task_data import task_data
from backend.bootstrap.imports.batch_prompts import file_prompter
from backend.bootstrap.imports.field_check import given_fields, require_fields
from backend.domain.errors import InvalidInput, PromptError
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash, FrameIndex
from tests.fakes.engine import FakeVideo

CONFIG = """<View>
  <Header value="Watch $title"/>
  <Text name="note" value="Clip: $caption of $other"/>
  <Labels name="label" toName="video" value="$meta.classes"/>
  <Video name="video" value="$clip" framerate="$fps"/><VideoRectangle name="box" toName="video"/>
</View>"""
SOURCE = Source("clip.mp4", Path("clip.mp4"))


def plan(*data: str) -> Plan:
    return Plan(7, ImportMode.VIDEO, "clip", fields=given_fields(data, CONFIG, ("clip",)))


def draft() -> TaskDraft:
    medium = SourceMedia(
        ContentHash("ab" * 32),
        SourceMediaKind.VIDEO,
        Path("clip.mp4"),
        "clip.mp4",
        FrameSize(64, 48),
        9,
        Fraction(25),
        "",
    )
    return TaskDraft("k-00000", "clip.mp4", medium, tuple(FrameIndex(n) for n in range(9)))


def test_needed_is_the_first_field_of_each_named_tag() -> None:
    assert needed_fields(CONFIG) == {
        "caption": "<Text name='note'>",
        "meta.classes": "<Labels name='label'>",
        "clip": "<Video name='video'>",
    }
    repeated = '<View><Image name="i" valueList="$frames"/><Text name="t" value="$pages[{{idx}}]"/></View>'
    assert set(needed_fields(repeated)) == {"frames", "pages"}


def test_a_missing_field_is_named_with_the_option_that_gives_it() -> None:
    with pytest.raises(InvalidInput) as refusal:
        require_fields(CONFIG, plan(), [SOURCE])
    assert str(refusal.value) == (
        "the label config of project 7 takes the value of <Text name='note'> from the task's data (caption), which "
        "the import does not make: give it with --data caption=VALUE, or as a column 'caption' of a list (.csv); "
        "nothing was made"
    )
    with pytest.raises(InvalidInput, match=r"takes the labels of <Labels name='label'>.*--data meta.classes=Cat,Dog"):
        require_fields(CONFIG, plan("caption=dawn"), [SOURCE])
    require_fields(CONFIG, plan("caption=dawn", "meta.classes=Cat,Dog"), [SOURCE])
    require_fields(CONFIG, plan(), [Source("task 3", task_id=3)])


def test_a_list_may_give_the_field_of_each_row() -> None:
    rows = [Source(name, Path(name), extra={"caption": name}) for name in ("a.mp4", "b.mp4")]
    require_fields(CONFIG, plan("meta.classes=Cat"), rows)
    with pytest.raises(InvalidInput, match=r"\(caption\), which the import does not make of clip\.mp4"):
        require_fields(CONFIG, plan("meta.classes=Cat"), [*rows, SOURCE])


def test_given_fields_are_in_the_task_s_data() -> None:
    given = plan("caption=a = b", "meta.classes= Cat, Dog ,", 'tags=["x", 3]')
    data = task_data(draft(), given, ["/v.mp4"], {})
    assert (data["caption"], data["tags"], data["clip"]) == ("a = b", ["x", 3], "/v.mp4")
    assert data["meta"] == {"classes": [{"value": "Cat"}, {"value": "Dog"}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("caption", "must be NAME=VALUE"),
        ("=x", "must be NAME=VALUE"),
        ("fps=3", "fps: the import makes this field itself"),
        ("clip=x", "clip: the import makes this field itself"),
        ("tags=[1", "begins as JSON and is none"),
    ],
)
def test_a_field_that_cannot_be_given_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        plan(text)


def test_labels_that_only_the_data_name_fit_prompts(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text("1,7,6,6,12,12,1,1,1\n")
    (tmp_path / "labels.txt").write_text("Cat\n")

    def labels(source: Source, *data: str) -> list[str]:
        client, fields = cast(LabelStudioClient, None), plan(*data).fields
        prompter = file_prompter(
            f"mot:{tmp_path}", CONFIG, client, 7, info_of=lambda _: FakeVideo().info, fields=fields
        )
        return list(prompter.prompts(source, draft())[0].labels.values())

    assert labels(SOURCE, "meta.classes=Dog,Cat") == ["Cat"]
    with pytest.raises(PromptError, match=r"label 'Cat' is not in .* it has Dog"):
        labels(SOURCE, "meta.classes=Dog")
    with pytest.raises(PromptError, match="give that: --data classes=Cat,Dog"):
        labels(SOURCE)
