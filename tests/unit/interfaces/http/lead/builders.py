"""A web process with a lead's page: one app, whose background a test runs itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import FastAPI

from backend.interfaces.http.lead.lead import Lead
from tests.fakes.web import ADDRESS, TestClient
from tests.unit.interfaces.http.player.builders import CHANGE, CLICK, TASK, LabelStudioUsers, PlayerWeb

PROJECT = "/api/lead/projects/2"


@dataclass
class LeadWeb:
    """leads: of the settings. users None: no Label Studio."""

    leads: tuple[str, ...] = ("ann@example.org",)
    users: LabelStudioUsers | None = field(default_factory=LabelStudioUsers)

    def __post_init__(self) -> None:
        self.player = PlayerWeb(self.users)
        self.web = self.player.web.with_settings(leads=self.leads)
        self.app: FastAPI = self.web.app

    @property
    def lead(self) -> Lead:
        found: Lead = self.app.state.lead
        return found

    def person(self, session_id: str) -> TestClient:
        """A person who has opened task 8 in the player. session_id: Label Studio's cookie."""
        client = self._client(session_id)
        if session_id:
            assert client.post("/api/player/session", json={}).status_code == 200
        if client.get(TASK).status_code == 202:
            self.web.work_off_all()
        assert client.get(TASK).status_code == 200
        return client

    def client(self, session_id: str = "ann-1") -> TestClient:
        """A lead who is signed in."""
        client = self._client(session_id)
        assert client.post("/api/lead/session", json={}).status_code == 200
        return client

    def _client(self, session_id: str) -> TestClient:
        client = TestClient(self.app, base_url=ADDRESS)
        client.headers.update(CHANGE)
        if session_id:
            client.cookies.set("sessionid", session_id)
        return client


def propagated(web: LeadWeb, client: TestClient, *names: str, x_rel: float = 0.5) -> None:
    """A person's objects with masks on all frames of task 8. x_rel: of the click."""
    for name in names or ("Cat",):
        body = {**CLICK, "label": name, "points": [[x_rel, 0.5, 1]]}
        assert client.put(f"{TASK}/prompts/4/{name}", json=body).status_code == 200
    assert client.post(f"{TASK}/propagations", json={"start": 0, "direction": "both"}).status_code == 202
    web.web.work_off_all()
