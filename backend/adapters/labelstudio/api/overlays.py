"""Mask overlays of videos: the data field that shows them.

The open-source page draws no masks on a video. It can play a second video in sync with it (`sync`): the exported
overlay's address is written into the field of the task's data that the second <Video> tag reads.
"""

from __future__ import annotations

from defusedxml.ElementTree import fromstring

from backend.adapters.labelstudio.config.label_config import DATA_KEY, read_binding
from backend.domain.errors import InvalidInput


def overlay_key(label_config: str) -> str | None:
    """The data field of the <Video> tag that plays in sync with the one with the controls; None without one.

    Raises LabelConfigError.
    """
    own = read_binding(label_config)
    if not own.is_video:
        return None
    for tag in fromstring(label_config, forbid_dtd=True).iter("Video"):
        field = DATA_KEY.fullmatch((tag.get("value") or "").strip())
        if tag.get("name") != own.to_name and tag.get("sync") and field:
            return str(field[1])
    return None


def require_overlay_key(label_config: str, project_id: int) -> str:
    """As overlay_key. Raises InvalidInput with the remedy without one."""
    key = overlay_key(label_config)
    if key is None or "." in key:
        raise InvalidInput(
            f"the label config of project {project_id} has no second <Video> tag with sync to show an overlay in; "
            "give it label_config/video_overlay.xml"
        )
    return key
