"""Thumbnails: of the most uncertain frame, made once; and the report on a task's masks."""

from __future__ import annotations

from backend.domain.tasks import MediaRef
from tests.fakes.web import TestClient
from tests.unit.interfaces.http.lead.builders import PROJECT, LeadWeb, propagated
from tests.unit.interfaces.http.lead.conftest import RecordingDecoder
from tests.unit.interfaces.http.player.builders import CLICK, TASK

THUMBNAIL = "/api/lead/tasks/2/8/thumbnail"


def card(lead: TestClient) -> dict[str, object]:
    found: dict[str, object] = lead.get(f"{PROJECT}/tasks").json()["tasks"][0]
    return found


def test_a_thumbnail_is_of_the_most_uncertain_frame_and_made_once(pictured: LeadWeb, decoder: RecordingDecoder) -> None:
    ann, lead = pictured.person("ann-1"), pictured.client()
    propagated(pictured, ann, "Cat", "Dog")
    address = str(card(lead)["thumbnail"])
    first = lead.get(address)
    assert (first.status_code, first.headers["content-type"], first.content) == (200, "image/jpeg", b"a JPEG file")
    assert "immutable" in first.headers["cache-control"]
    assert lead.get(address).content == first.content
    assert lead.get(address, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    shown = card(lead)
    assert shown["unread"] == 0, "the picture's run was read for it"
    assert decoder.asked == [(MediaRef(("/data/clip.mp4",), is_pages=False), shown["worst_frame"], 2)]


def test_before_a_propagation_it_shows_the_click(pictured: LeadWeb, decoder: RecordingDecoder) -> None:
    ann, lead = pictured.person("ann-1"), pictured.client()
    assert lead.get(THUMBNAIL).status_code == 200
    ann.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    assert card(lead)["thumbnail"] == THUMBNAIL
    assert lead.get(THUMBNAIL).headers["cache-control"] == "private, no-cache"
    assert [(frame, count) for _, frame, count in decoder.asked] == [(0, 0), (4, 1)]


def test_without_work_it_is_the_first_frame_and_made_once(pictured: LeadWeb, decoder: RecordingDecoder) -> None:
    pictured.person("ann-1")
    lead = pictured.client()
    address = f"{THUMBNAIL}?of=video"
    first = lead.get(address)
    assert (first.status_code, first.content) == (200, b"a JPEG file")
    assert first.headers["cache-control"] == "private, no-cache"
    assert lead.get(address, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert lead.get(address).content == first.content
    assert decoder.asked == [(MediaRef(("/data/clip.mp4",), is_pages=False), 0, 0)]


def test_a_run_of_another_task_is_not_shown(pictured: LeadWeb) -> None:
    ann, lead = pictured.person("ann-1"), pictured.client()
    propagated(pictured, ann)
    run = str(card(lead)["thumbnail"]).partition("run=")[2]
    assert lead.get(f"/api/lead/tasks/2/9/thumbnail?run={run}").status_code == 404
    assert lead.get(f"/api/lead/tasks/3/8/thumbnail?run={run}").status_code == 403
    assert lead.get(f"{THUMBNAIL}?run=p-unknown-a1").status_code == 404


def test_a_report_has_curves_pictures_and_no_script(pictured: LeadWeb) -> None:
    ann, lead = pictured.person("ann-1"), pictured.client()
    assert lead.get("/api/lead/tasks/2/8/report").status_code == 404
    propagated(pictured, ann)
    page = lead.get("/api/lead/tasks/2/8/report")
    assert (page.status_code, "<polyline" in page.text, "data:image/jpeg" in page.text) == (200, True, True)
    assert "script" not in page.headers["content-security-policy"]
