"""What a person draws with the real page, read for exports and prompts: labels of two controls and of the task."""

from __future__ import annotations

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.context import read_annotation
from backend.adapters.labelstudio.reading.labelled import read_labels
from scripts.demonstration.clip import Clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.browser.driving.editor import Editor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CONFIG = """<View>
  <RectangleLabels name="kind" toName="frames"><Label value="Dog"/><Label value="Cat"/></RectangleLabels>
  <RectangleLabels name="size" toName="frames"><Label value="Small"/></RectangleLabels>
  <EllipseLabels name="round" toName="frames" value="$classes"/>
  <Image name="frames" valueList="$frames"/>
</View>"""


def test_drawn_regions_are_read_as_the_page_saves_them(
    editor: Editor, clip: Clip, label_studio: LabelStudioServer
) -> None:
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        project_id = api.ensure_project("Drawn regions", CONFIG)
        api.ensure_local_files(project_id, clip.folder.parent)
        pages = list(clip.addresses()["frames"])  # type: ignore[call-overload]
        data = {"frames": pages[:2], "classes": [{"value": "Egg"}, {"value": "Ball"}]}
        task_id = int(api._call("POST", "/api/tasks/", json={"project": project_id, "data": data})["id"])
        editor.open(api.task_address(project_id, task_id))
        editor.choose_label("Dog", "kind")
        editor.choose_label("Small", "size")
        editor.drag((10, 10), (30, 30))
        editor.choose_label("Egg", "round")
        editor.drag((60, 50), (75, 60))
        editor.submit()
        (stored,) = api._call("GET", f"/api/tasks/{task_id}/annotations/")
    binding = read_binding(with_task_data(CONFIG, data))
    labelled = read_labels(stored["result"], binding, where="annotation")
    assert [item.label for item in labelled.objects] == ["Dog", "Small", "Egg"]
    boxes = [labelled.shapes[item.object_id][0].box for item in labelled.objects]
    assert boxes[0] == boxes[1]
    assert boxes[2] is None, "an ellipse is a mask"
    prompted = read_annotation(stored["result"], binding)
    assert sorted(prompted.prompts.labels.values()) == ["Dog", "Small"]
    assert prompted.left_out == {"region of the label 'Egg', which no tag for masks has": 1}
