"""Labels, colours and media of a label config, as the player reads them."""

from __future__ import annotations

import pytest

from backend.adapters.labelstudio.reading.player_config import labels_of, player_media
from backend.domain.errors import LabelConfigError, MalformedRequest
from backend.domain.tasks import MediaRef

BARE = """<View><Video name="v" value="$clip"/>
<Labels name="l" toName="v"><Label value="Cat" background="#Fa0"/><Label value="✕ reset"/></Labels>
<RectangleLabels name="r" toName="v"><Label value="Cat"/><Label value="Dog" background="red"/></RectangleLabels>
</View>"""


def test_labels_of_all_controls_are_listed_once_with_colours() -> None:
    assert [(label.name, label.color) for label in labels_of(BARE)] == [("Cat", "#ffaa00"), ("Dog", "#3cb44b")]


def test_a_video_without_controls_is_the_media() -> None:
    assert player_media({"clip": "/data/a.mp4"}, BARE, task_id=1) == MediaRef(("/data/a.mp4",), is_pages=False)


def test_a_missing_field_of_the_data_is_named() -> None:
    with pytest.raises(MalformedRequest, match=r"data\.clip"):
        player_media({}, BARE, task_id=1)


@pytest.mark.parametrize("config", ["", "<View/>", "<View><Video name='v' value='/fixed.mp4'/></View>"])
def test_a_config_without_media_is_refused(config: str) -> None:
    with pytest.raises(LabelConfigError):
        player_media({"clip": "/data/a.mp4"}, config, task_id=1)
