"""Signs people up at a Label Studio, as its invitation page does, for tests and attacks with several annotators."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

import httpx

from scripts.label_studio.api import TIMEOUT_S, LabelStudioAnswered, LabelStudioApi


@dataclass(frozen=True, slots=True)
class Person:
    """A user of Label Studio. session: the `sessionid` cookie of a browser."""

    email: str
    token: str = field(repr=False)
    session: str = field(repr=False)


def sign_up(lead: LabelStudioApi, email: str) -> Person:
    """A new user that the lead invited. Raises LabelStudioAnswered if the page does not take the form."""
    address = lead.invitation()
    with httpx.Client(base_url=lead.url, follow_redirects=True, timeout=TIMEOUT_S) as browser:
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(address).text)
        form = {
            "csrfmiddlewaretoken": found[1] if found else "",
            "email": email,
            "password": secrets.token_urlsafe(12),
        }
        browser.post(address, data=form, headers={"Referer": address})
        session = browser.cookies.get("sessionid")
        if not session:
            raise LabelStudioAnswered(f"Label Studio did not sign {email} up")
        answer = browser.get("/api/current-user/token")
        answer.raise_for_status()
        return Person(email, str(answer.json()["token"]), session)
