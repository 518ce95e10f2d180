"""The player in label configs that have other tags: everything stays, and a second time changes nothing."""

from __future__ import annotations

import difflib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.player_tags import OUT_OF_SIGHT
from backend.adapters.labelstudio.config.project_configs import config_for, is_empty, template_of
from backend.adapters.labelstudio.reading.player_config import labels_of
from backend.application.projects.plan import ConfigChoice
from backend.domain.errors import LabelConfigError

FOLDER = Path(__file__).parents[5] / "label_config"
OWN = """<View>
  <!-- Zoë's config -->
  <Header value='Mark "cells" &amp; nuclei'/>
  <Labels name='kind'   toName="clip"><Label value="Zelle" background="#112233"/><Label value="Kern &gt; 2"/></Labels>
  <Video value="$film" name="clip" frameRate="12.5" />
  <VideoRectangle name="rect" toName="clip" smart="true"/>
  <Choices name="quality" toName="clip"><Choice value="good"/></Choices>
</View>
"""


def player(label_config: str, *, url: str = "http://host:9090", fields: tuple[str, ...] = ()) -> str:
    return config_for(label_config, ConfigChoice.PLAYER, public_url=url, project_id=7, data_fields=fields)


def embedded(label_config: str) -> str:
    """The source of the only embedded page."""
    values = [tag.get("value", "") for tag in ElementTree.fromstring(label_config).iter("HyperText")]
    (value,) = [value for value in values if "<embed" in value]
    return value.partition("src='")[2].partition("'")[0]


def names(label_config: str) -> list[str]:
    return [tag.attrib["name"] for tag in ElementTree.fromstring(label_config).iter() if "name" in tag.attrib]


def test_every_line_of_an_own_config_stays() -> None:
    written = player(OWN)
    kinds = {line[0] for line in difflib.ndiff(OWN.splitlines(), written.splitlines())}
    assert kinds == {" ", "+"}
    assert embedded(written) == "http://host:9090/player?project=7&field=film&value=$film"
    assert names(written) == ["player", "verdict", "comment", "kind", "clip", "rect", "quality"]
    assert next((label.name, label.color) for label in labels_of(written)) == ("Zelle", "#112233")
    assert read_binding(written) == read_binding(OWN)


@pytest.mark.parametrize("config", [OWN, "<View></View>", (FOLDER / "video.xml").read_text()])
def test_a_second_time_changes_nothing(config: str) -> None:
    written = player(config)
    assert written != config
    assert player(written) == written


def test_an_empty_config_becomes_the_file_with_its_placeholders_filled_in() -> None:
    written = player("<View>\n</View>")
    assert is_empty("")
    assert "MASKLET_URL" in template_of(ConfigChoice.PLAYER)
    assert "MASKLET_URL" not in written
    assert "PROJECT" not in written
    assert embedded(written) == "http://host:9090/player?project=7&field=video&value=$video"
    verdicts = [choice.get("value") for choice in ElementTree.fromstring(written).iter("Choice")]
    assert verdicts == ["satisfactory", "redo", "reject"]


def test_another_address_is_replaced_and_nothing_else() -> None:
    here = player(OWN).replace("height='530'", "height='900'")
    there = player(here, url="https://masklet.example.org/")
    assert embedded(there) == "https://masklet.example.org/player?project=7&field=film&value=$film"
    assert there.replace("https://masklet.example.org", "http://host:9090") == here


def test_the_example_of_earlier_versions_gets_the_address_alone() -> None:
    written_by_hand = player(OWN).replace(" inline=", "\n    inline=").replace("project=7", "project=3")
    assert player(written_by_hand) == written_by_hand.replace("project=3", "project=7")


def test_names_that_are_taken_get_a_number() -> None:
    written = player(
        '<View><Text name="player" value="$text"/><Choices name="verdict" toName="player"><Choice value="a"/></Choices>'
        '<Video name="box" value="$video"/><Text name="label" value="$b"/></View>'
    )
    assert sorted(names(written)) == sorted(
        ["player", "verdict", "box", "label", "player_2", "verdict_2", "comment", "label_2", "box_2"]
    )
    assert read_binding(written).to_name == "box"
    assert player(written) == written


def test_only_what_is_missing_is_added() -> None:
    written = player(
        '<View><Labels name="l" toName="v"><Label value="Cat"/></Labels><Video name="v" value="$a"/></View>'
    )
    assert [label.name for label in labels_of(written)] == ["Cat"]
    assert read_binding(written).outputs[0].name == "box"
    assert names(written).count("v") == 1


def test_a_config_without_a_video_gets_a_hidden_one() -> None:
    config = '<View><Text name="note" value="$note"/></View>'
    written = player(config, fields=("note", "video"))
    assert read_binding(written).value_key == "video"
    with pytest.raises(LabelConfigError, match=r"no field 'video' but clip, note: add a <Video>"):
        player(config, fields=("note", "clip"))


def test_of_several_videos_the_one_with_regions_is_shown() -> None:
    overlay = (FOLDER / "video_overlay.xml").read_text()
    assert embedded(player(overlay)).endswith("field=video&value=$video")
    two = '<View><Video name="a" value="$x"/><Video name="b" value="$y"/>{}</View>'
    with pytest.raises(LabelConfigError, match=r"the videos 'a', 'b': give a <VideoRectangle> to the one"):
        player(two.format(""))
    assert embedded(player(two.format('<VideoRectangle name="r" toName="b"/>'))).endswith("value=$y")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ((FOLDER / "frames.xml").read_text(), "for images.*--config keep.*masklet project create"),
        ('<View><Video name="v" value="$clip.url"/></View>', r"value='\$clip.url': Label Studio fills in fields like"),
        ('<View><Video name="v" value="http://a/b.mp4"/></View>', "give the tasks such a field"),
        ("<View><Video", "not well-formed"),
        ("<!DOCTYPE x []><View></View>", "document type declaration"),
    ],
)
def test_a_config_that_cannot_have_the_player_names_the_way_out(config: str, sentence: str) -> None:
    with pytest.raises(LabelConfigError, match=sentence):
        player(config)


def test_frames_and_video_are_for_projects_without_a_config_or_with_a_fitting_one() -> None:
    for choice in (ConfigChoice.FRAMES, ConfigChoice.VIDEO):
        template = (FOLDER / f"{choice}.xml").read_text()
        written = config_for("<View/>", choice, public_url="http://h", project_id=1, data_fields=())
        assert written == template
        assert config_for(template, choice, public_url="http://h", project_id=1, data_fields=()) == template
    with pytest.raises(LabelConfigError, match=r"is for video, not for frames, and is not replaced.*--config keep"):
        config_for(OWN, ConfigChoice.FRAMES, public_url="http://h", project_id=1, data_fields=())


def test_keep_leaves_the_config_and_refuses_one_without_masks() -> None:
    assert config_for(OWN, ConfigChoice.KEEP, public_url="http://h", project_id=1, data_fields=()) == OWN
    with pytest.raises(LabelConfigError, match="no <Video> or <Image>"):
        config_for("<View></View>", ConfigChoice.KEEP, public_url="http://h", project_id=1, data_fields=())


def test_the_shipped_config_hides_its_video_as_connect_does() -> None:
    """Label Studio's page is busy on a whole core with a video that is not displayed."""
    assert f'<View style="{OUT_OF_SIGHT}">' in template_of(ConfigChoice.PLAYER)
    assert "display:none" not in template_of(ConfigChoice.PLAYER)
