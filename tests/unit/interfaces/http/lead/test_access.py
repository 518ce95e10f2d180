"""Who may use the lead's page."""

from __future__ import annotations

import pytest

from tests.fakes.web import served_routes
from tests.unit.interfaces.http.lead.builders import PROJECT, LeadWeb
from tests.unit.interfaces.http.player.builders import LabelStudioUsers


@pytest.mark.parametrize("named", ["Ann@example.org", " ann@example.org ", "1"])
def test_leads_are_named_by_email_or_id(named: str) -> None:
    client = LeadWeb(("dee@example.org", named)).client()
    assert client.get("/api/lead/projects").json() == {
        "projects": [{"project": 2, "title": "Cats"}],
        "name": "Ann",
    }


def test_others_are_refused_with_a_sentence() -> None:
    web = LeadWeb()
    cem = web._client("cem-1")
    reply = cem.post("/api/lead/session", json={})
    assert (reply.status_code, "Cem is not among them" in reply.json()["detail"]) == (403, True)
    assert "MASKLET_LEADS" in reply.json()["way_out"]
    assert cem.get(f"{PROJECT}/tasks").status_code == 401
    cem.cookies.set("masklet_player", web.client("ann-1").cookies["masklet_player"])
    assert cem.get(f"{PROJECT}/tasks").status_code == 401, "the cookie is of another login"


def test_the_page_says_how_to_name_leads() -> None:
    reply = LeadWeb(leads=("",))._client("ann-1").post("/api/lead/session", json={})
    assert (reply.status_code, "none are named yet" in reply.json()["detail"]) == (403, True)
    assert "Set MASKLET_LEADS" in reply.json()["way_out"]


def test_a_project_that_label_studio_hides_is_refused() -> None:
    reply = LeadWeb(("bob@example.org",)).client("bob-1").get(f"{PROJECT}/tasks")
    assert (reply.status_code, reply.json()["detail"]) == (403, "Label Studio does not show project 2 to you")


def test_without_a_label_studio_the_password_guards_the_page() -> None:
    web = LeadWeb(leads=(), users=None)
    web.web.with_settings(user="u", password="p")
    guarded = LeadWeb(leads=(), users=None)
    assert guarded.client("").get("/api/lead/projects").json() == {"projects": [], "name": ""}
    for path in ("/lead", "/api/lead/projects"):
        assert web.web.client().get(path).status_code == 401


def test_a_sign_in_replaces_the_password() -> None:
    web = LeadWeb()
    web.web.with_settings(user="u", password="p")
    client = web.web.client()
    assert client.get("/lead").status_code == 200
    assert "frame-ancestors 'none'" in client.get("/lead").headers["content-security-policy"]
    assert client.get("/api/lead/projects").headers["content-type"] == "application/problem+json"


def test_changes_need_the_pages_header() -> None:
    client = LeadWeb(users=LabelStudioUsers()).client()
    del client.headers["X-Masklet-Player"]
    assert client.post(f"{PROJECT}/orders", json={}).status_code == 403


def test_every_call_needs_a_sign_in() -> None:
    web = LeadWeb()
    stranger = web.web.client()
    asked = [(method, path) for method, path in served_routes(stranger.app) if path.startswith("/api/lead/")]  # type: ignore[arg-type]
    for method, path in asked:
        address = path.replace("{project}", "2").replace("{task}", "8").replace("{name}", "x")
        headers = {"X-Masklet-Player": "1", "Content-Type": "application/json"}
        reply = stranger.request(method, address, headers=headers, content=b"{}")
        assert reply.status_code in (401, 403), (method, address, reply.text)
    assert len(asked) > 15
