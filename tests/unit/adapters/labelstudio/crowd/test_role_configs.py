"""The label configs of a crowd's projects."""

from __future__ import annotations

import pytest

from backend.adapters.labelstudio.config.config_text import tags_of
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.project_configs import template_named
from backend.adapters.labelstudio.config.shown_fields import needed_fields, step_key
from backend.adapters.labelstudio.crowd.role_configs import crowd_config
from backend.adapters.labelstudio.reading.player_config import labels_of
from backend.domain.crowd.routing import Role
from backend.domain.errors import LabelConfigError

URL = "http://127.0.0.1:9090"
OWN = """<View>
  <Labels name="kind" toName="film"><Label value="Cat &amp; dog" background="#1f9d55"/></Labels>
  <Video name="film" value="$clip" framerate="30"/><VideoRectangle name="frame" toName="film"/>
  <Choices name="weather" toName="film"><Choice value="rain"/></Choices>
</View>"""


def made(role: Role, label_config: str = OWN, *, is_redone: bool = True) -> str:
    return crowd_config(label_config, role, public_url=URL, project_id=7, is_redone=is_redone)


def names(label_config: str) -> list[str]:
    return [tag.attributes["name"] for tag in tags_of(label_config) if "name" in tag.attributes]


@pytest.mark.parametrize("role", Role)
def test_each_role_has_the_labels_and_video_of_the_config_and_the_player(role: Role) -> None:
    config = made(role)
    binding = read_binding(config)
    assert [label.name for label in labels_of(config)] == ["Cat & dog"]
    assert (binding.value_key, binding.framerate) == ("clip", 30.0)
    assert f"{URL}/player?project=7&amp;field=crowd_step&amp;value=$crowd_step'" in config
    assert 'value="$crowd_note"' in config
    assert step_key(config) == "crowd_step"
    assert made(role, template_named("player")).count("player?project=7") == 1


def test_select_finds_its_tasks_by_their_video_and_keeps_what_the_config_has() -> None:
    config = made(Role.SELECT, is_redone=False)
    assert set(needed_fields(config)) == {"clip"}
    assert step_key(config) is None
    assert "weather" in names(config)
    assert "at least 2 frames" in config
    assert "verdict" not in names(config)
    assert made(Role.SELECT, config, is_redone=False) == config


def test_verify_asks_for_a_verdict_and_the_limits() -> None:
    config = made(Role.VERIFY)
    assert names(config)[:4] == ["player", "verdict", "limits", "comment"]
    values = [tag.attributes["value"] for tag in tags_of(config) if tag.name == "Choice"]
    assert values == ["satisfactory", "redo", "reject", "unambiguous", "ambiguous"]


def test_a_config_without_labels_is_refused() -> None:
    with pytest.raises(LabelConfigError, match="no labels"):
        made(Role.TRACK, '<View><Labels name="l" toName="v"/><Video name="v" value="$v"/></View>')
