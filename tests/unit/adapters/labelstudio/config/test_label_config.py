"""Label configs, bound or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from label_studio_sdk.label_interface import LabelInterface

from backend.adapters.labelstudio.config.label_config import Control, ControlKind, class_labels, read_binding
from backend.domain.errors import LabelConfigError
from backend.domain.jobs import OutputMode
from tests.unit.adapters.labelstudio.builders import PAGES, VIDEO, image_config

CONFIGS = Path(__file__).parents[5] / "label_config"
OF_CROWDS = ["crowd_select", "crowd_track", "crowd_verify"]
BRUSH = '<BrushLabels name="b" toName="i"><Label value="Cat"/></BrushLabels>'


def test_pages_are_bound() -> None:
    binding = read_binding(PAGES)
    assert (binding.mode, binding.to_name, binding.value_key) == (OutputMode.PAGES, "img", "frames")
    assert binding.framerate is None
    assert binding.labels == ("Cat", "Dog")
    assert list(binding.actions) == ["▶ 15"]
    assert [control.name for control in binding.outputs] == ["brush", "rect"]
    assert binding.control(ControlKind.RECTANGLE) == Control(ControlKind.RECTANGLE, "rect", ("Cat", "Dog"), smart=True)


def test_a_video_is_bound() -> None:
    binding = read_binding(VIDEO)
    assert (binding.mode, binding.to_name, binding.value_key) == (OutputMode.VIDEO, "vid", "clip.file")
    assert binding.framerate == 25.0
    assert binding.labels == ("Cat", "Dog")
    assert binding.output_for("Dog") == Control(ControlKind.VIDEO_RECTANGLE, "box", (), smart=True)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("crowd_select", OutputMode.VIDEO),
        ("crowd_track", OutputMode.VIDEO),
        ("crowd_verify", OutputMode.VIDEO),
        ("frames", OutputMode.PAGES),
        ("keyframe", OutputMode.KEYFRAME),
        ("player", OutputMode.VIDEO),
        ("video", OutputMode.VIDEO),
        ("video_overlay", OutputMode.VIDEO),
        ("video_vector", OutputMode.VIDEO_VECTOR),
    ],
)
def test_the_shipped_configs_work_here_and_in_label_studio(name: str, mode: OutputMode) -> None:
    config = (CONFIGS / f"{name}.xml").read_text(encoding="utf-8")
    LabelInterface(config).validate()
    binding = read_binding(config)
    assert binding.mode is mode
    assert binding.labels == ("Object 1", "Object 2", "Object 3")
    assert any(control.smart for control in binding.controls) or name in (*OF_CROWDS, "player")


def test_every_shipped_config_is_tested() -> None:
    names = [*OF_CROWDS, "frames", "keyframe", "player", "video", "video_overlay", "video_vector"]
    assert sorted(path.stem for path in CONFIGS.glob("*.xml")) == names


@pytest.mark.parametrize("config", [PAGES, VIDEO, image_config("PolygonLabels")])
def test_names_and_labels_are_those_that_label_studio_sees(config: str) -> None:
    interface = LabelInterface(config)
    seen = {control.name: tuple(control.labels) for control in interface.controls}
    assert {control.name: control.labels for control in read_binding(config).controls} == seen


def test_a_labels_alias_stands_for_it_as_label_studio_stores_it() -> None:
    config = PAGES.replace('value="Cat"', 'value="Cat" alias="c1"')
    assert read_binding(config).labels == ("c1", "Dog")


def test_one_image_is_a_keyframe() -> None:
    binding = read_binding(f'<View><Image name="i" value="$image"/>{BRUSH}</View>')
    assert (binding.mode, binding.value_key) == (OutputMode.KEYFRAME, "image")


@pytest.mark.parametrize(
    ("attribute", "framerate"),
    [("", 24.0), ('framerate="29.97"', 29.97), ('frameRate="30"', 30.0), ('framerate="0.04"', 25.0)],
)
def test_the_frame_rate_is_label_studios(attribute: str, framerate: float) -> None:
    assert read_binding(VIDEO.replace('framerate="25"', attribute)).framerate == framerate


def test_a_frame_rate_from_the_task_is_none() -> None:
    assert read_binding(VIDEO.replace('"25"', '"$fps"')).framerate is None


def test_a_second_video_without_controls_is_allowed() -> None:
    config = VIDEO.replace("</View>", '<Video name="overlay" value="$overlay" sync="vid"/></View>')
    assert read_binding(config).to_name == "vid"


def test_vectors_come_before_boxes() -> None:
    config = VIDEO.replace("</View>", '<VideoVector name="v" toName="vid"/></View>')
    binding = read_binding(config)
    assert binding.mode is OutputMode.VIDEO_VECTOR
    assert binding.outputs[0].name == "v"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "is empty"),
        ("<View>", "not well-formed"),
        ("<View/>", "no <Video> or <Image> tag"),
        ('<View><Text name="t" value="$t"/></View>', "no <Video> or <Image> tag"),
        ('<View><Image name="i" value="$i"/></View>', "no tag on its <Image> that can take masks: add BrushLabels"),
        ('<View><Video name="v" value="$v"/></View>', "no tag on its <Video> that can take masks: add VideoRectangle"),
        (f'<View><Video name="i" value="$v"/>{BRUSH}</View>', "no tag on its <Video>"),
        ('<View><Image name="i" value="$i"/><BrushLabels name="b" toName="i"/></View>', "'b' has no <Label>"),
        (f'<View><Image name="i" value="fixed.png"/>{BRUSH}</View>', 'value="\\$name"'),
        (f'<View><Image name="i" value="$a/$b"/>{BRUSH}</View>', 'value="\\$name"'),
        (f'<View><Image name="i" value="$a"/><Image name="i" value="$b"/>{BRUSH}</View>', "two tags named 'i'"),
        (VIDEO.replace('"25"', '"fast"'), "framerate must be a number"),
        (VIDEO.replace('"25"', '"-3"'), "framerate must be a number"),
        (VIDEO.replace('"25"', '"nan"'), "framerate must be a number"),
        (VIDEO.replace('<VideoRectangle name="box"', "<VideoRectangle"), "<VideoRectangle> tag without a name"),
    ],
)
def test_a_config_that_cannot_work_is_refused_with_the_reason(config: str, message: str) -> None:
    with pytest.raises(LabelConfigError, match=message):
        read_binding(config)


def test_two_videos_that_both_take_boxes_are_ambiguous() -> None:
    second = '<Video name="w" value="$w"/><VideoRectangle name="box2" toName="w"/></View>'
    with pytest.raises(LabelConfigError, match="ambiguous: of <Video name='vid'>, <Video name='w'> exactly one"):
        read_binding(VIDEO.replace("</View>", second))


BOMB = "<!DOCTYPE View [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><View>&b;</View>"
EXTERNAL = "<!DOCTYPE View [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><View>&x;</View>"


@pytest.mark.parametrize("config", [BOMB, EXTERNAL, "<!DOCTYPE View SYSTEM 'http://example.org/x.dtd'><View/>"])
def test_document_types_and_entities_are_refused(config: str) -> None:
    with pytest.raises(LabelConfigError, match="document type declaration"):
        read_binding(config)


def test_a_huge_config_is_refused_unread() -> None:
    with pytest.raises(LabelConfigError, match="262157 characters"):
        read_binding("<View>" + " " * 262_144 + "</View>")


def test_too_many_tags_are_refused() -> None:
    with pytest.raises(LabelConfigError, match="5002 tags"):
        read_binding("<View>" + "<i/>" * 5_001 + "</View>")


def test_class_labels_are_those_of_all_controls_in_order() -> None:
    config = """<View>
      <EllipseLabels name="e" toName="img"><Label value="Egg"/><Label value="Cat"/></EllipseLabels>
      <KeyPointLabels name="k" toName="img" smart="true"><Label value="▶ 15"/><Label value="Dog"/></KeyPointLabels>
      <BrushLabels name="b" toName="img"><Label value="Cat"/><Label value="A Bee" alias="Bee"/></BrushLabels>
      <Choices name="c" toName="img"><Choice value="good"/></Choices>
      <Image name="img" valueList="$frames"/>
    </View>"""
    assert class_labels(config) == ("Egg", "Cat", "Dog", "Bee")
    assert class_labels(VIDEO) == ("Cat", "Dog")
