"""Labels that a label config takes from the task's data."""

from __future__ import annotations

from typing import Any

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.task_data import MOST_LABELS, with_task_data
from backend.adapters.labelstudio.reading.context import prompts_of_context
from backend.domain.errors import PromptError

CONFIG = """<View>
  <KeyPointLabels name="kp" toName="img" smart="true" value="$task.classes"/>
  <BrushLabels name='brush' title="a > b" toName='img' value = '$task.classes'><Label value="Fixed"/></BrushLabels>
  <Image name="img" valueList="$frames"/>
</View>"""
CLASSES = [{"value": "Cat"}, {"value": 'Dog "<1>"', "alias": "dog"}]


def labels_of(classes: object) -> tuple[str, ...]:
    return read_binding(with_task_data(CONFIG, {"task": {"classes": classes}})).labels


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (CLASSES, ("Cat", "dog", "Fixed")),
        (["Cat", "▶ 15"], ("Cat", "Fixed")),
        ([{"value": 3}, {}, None, {"value": ""}], ("Fixed",)),
        ("Cat", ("Fixed",)),
        (None, ("Fixed",)),
    ],
)
def test_labels_of_the_task(classes: object, labels: tuple[str, ...]) -> None:
    assert labels_of(classes) == labels


def test_a_config_with_labels_of_the_task_alone_is_no_fault() -> None:
    config = CONFIG.replace('<Label value="Fixed"/>', "")
    assert read_binding(config).labels == ()
    assert read_binding(with_task_data(config, {"task": {"classes": CLASSES}})).labels == ("Cat", "dog")


def test_the_number_of_labels_is_bounded() -> None:
    assert len(labels_of([str(number) for number in range(MOST_LABELS + 9)])) == MOST_LABELS + 1


def test_a_click_with_a_label_of_the_task_is_read() -> None:
    click: dict[str, Any] = {
        "id": "k",
        "from_name": "kp",
        "to_name": "img",
        "type": "keypointlabels",
        "value": {"x": 10, "y": 10, "width": 1, "keypointlabels": ["Cat"]},
        "original_width": 20,
        "original_height": 10,
    }
    binding = read_binding(with_task_data(CONFIG, {"task": {"classes": CLASSES}}))
    (prompt,) = prompts_of_context({"result": [click]}, binding).prompts
    assert prompt.object_id == "Cat"
    with pytest.raises(PromptError, match="the label 'Cat' is not in the label config"):
        prompts_of_context({"result": [click]}, read_binding(CONFIG))
