"""The label configs of a crowd's projects, made from one label config and label_config/crowd_ROLE.xml.

Select and track keep what that config has, and get the player and the role's headers. Verify has its own controls, and
of that config the labels and the video.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from backend.adapters.labelstudio.config.config_text import TagText, inserted_first, tags_of, with_attribute
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.player_tags import at_field, with_player
from backend.adapters.labelstudio.config.project_configs import template_named
from backend.adapters.labelstudio.reading.player_config import labels_of
from backend.application.crowd.routing.ports import STEP_FIELD
from backend.domain.crowd.routing import Role
from backend.domain.errors import LabelConfigError


def crowd_config(label_config: str, role: Role, *, public_url: str, project_id: int, is_redone: bool) -> str:
    """The label config of a role's project.

    is_redone: whether Masklet makes tasks there; the player then finds a task by its step: videos come several times.
    Raises LabelConfigError for a config without labels, or that cannot have the player.
    """
    labels = labels_of(label_config)
    if not labels:
        raise LabelConfigError(
            "the label config has no labels: give it a <Labels> with a <Label> for each kind of object"
        )
    template = template_named(f"crowd_{role}")
    full = with_player(label_config, template, public_url=public_url, project_id=project_id)
    binding = read_binding(full)
    field = STEP_FIELD if is_redone else binding.value_key
    if role is not Role.VERIFY:
        return at_field(_with_headers(full, template), public_url, project_id, field)
    text = template.partition("-->")[2].lstrip()
    named = "".join(
        f"\n      <Label value={quoteattr(each.name)} background={quoteattr(each.color)}/>" for each in labels
    )
    (tag,) = _all(text, "Labels")
    text = text[: tag.start_end] + named + "\n    " + text[tag.close :]
    text = _changed(text, "value", f"${binding.value_key}")
    text = _changed(text, "framerate", f"{binding.framerate or 24:g}")
    return at_field(text, public_url, project_id, field)


def _with_headers(text: str, template: str) -> str:
    """The config with those headers of the template that it lacks, first."""
    known = {tag.attributes.get("value") for tag in _all(text, "Header")}
    missing = [
        f"  {template[tag.start : tag.end]}"
        for tag in _all(template, "Header")
        if tag.attributes.get("value") not in known
    ]
    return inserted_first(text, tags_of(text)[0], "\n".join(missing)) if missing else text


def _changed(text: str, name: str, value: str) -> str:
    """The config with an attribute of its <Video> replaced."""
    (video,) = _all(text, "Video")
    return with_attribute(text, video, name, value)


def _all(text: str, name: str) -> list[TagText]:
    return [tag for tag in tags_of(text) if tag.name == name]
