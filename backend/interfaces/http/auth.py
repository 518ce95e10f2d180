"""Who may call: basic auth on every route, a secret header for Label Studio's webhooks.

Without a password Masklet is for the machine it runs on (backend/interfaces/safe_binding.py). Label Studio's
webhooks can carry headers but its automatic ones carry no login, so on /webhook the secret, where one is set, is
what counts: it is asked for even from a caller who knows the password, and it opens that route alone.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.interfaces.http.errors import reply

WEBHOOK_PATH = "/webhook"
MEDIA_PATHS = "/media/"
"""Addresses that carry their own permission in a signature: browsers on Label Studio's page hold no login."""

PLAYER_PAGE = "/player"
LEAD_PAGE = "/lead"
PLAYER_PATHS = ("/player/", "/api/player/", "/lead/", "/api/lead/")
"""The player and the lead's page ask for a login to Label Studio, where one is set, and not for the password."""

WEBHOOK_SECRET_HEADER = "x-masklet-secret"

NEEDS_SECRET = "this webhook needs the header X-Masklet-Secret with the secret of the settings"
WITHOUT_SECRET = "masklet.without_secret"
"""In the scope of a webhook that has a login in place of the secret: Label Studio's button Start Training."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What callers must show; an empty password or secret asks for nothing."""

    user: str = ""
    password: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)

    def admits_login(self, authorization: str) -> bool:
        """Whether an Authorization header has the right user and password; compared in constant time."""
        if not self.password:
            return True
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        same_user = secrets.compare_digest(user, self.user.encode())
        same_password = secrets.compare_digest(password, self.password.encode())
        return same_user and same_password

    def admits_secret(self, secret: str) -> bool:
        return secrets.compare_digest(secret.encode(), self.webhook_secret.encode())


class AuthMiddleware:
    """ASGI middleware that turns strangers away before anything of their request is read."""

    def __init__(self, app: ASGIApp, *, credentials: Credentials, has_player_sessions: bool = False) -> None:
        """has_player_sessions: whether the player's own routes ask for a login."""
        self._app = app
        self._credentials = credentials
        self._has_player_sessions = has_player_sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"] == WEBHOOK_PATH and self._credentials.webhook_secret:
            has_secret = self._credentials.admits_secret(headers.get(WEBHOOK_SECRET_HEADER, ""))
            has_login = bool(self._credentials.password) and self._credentials.admits_login(
                headers.get("authorization", "")
            )
            scope[WITHOUT_SECRET] = not has_secret
            if not (has_secret or has_login):
                refusal = reply(403, NEEDS_SECRET)
                await refusal(scope, receive, send)
                return
        elif scope["path"].startswith(MEDIA_PATHS):
            pass  # its route checks the signature before anything else
        elif self._has_player_sessions and _is_player(scope["path"]):
            pass  # its routes check the login before anything else; the page itself holds nothing
        elif not self._credentials.admits_login(headers.get("authorization", "")):
            challenge = {"WWW-Authenticate": 'Basic realm="Masklet", charset="UTF-8"'}
            await reply(401, "a user name and password are needed", challenge)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_player(path: str) -> bool:
    return path in (PLAYER_PAGE, LEAD_PAGE) or path.startswith(PLAYER_PATHS)
