"""Who calls the player's API: a signed cookie names the person, Label Studio says what the person may see.

The cookie holds a name, an expiry time and a fingerprint of the login that was checked. The login itself is not in it:
Label Studio's cookie comes with each request. Of a token, the cookie holds random bytes as long as the token, and the
queue's server the token combined with them by exclusive or: each web process puts both together, and either alone says
nothing. Label Studio 1.23 keeps its session in the cookie itself, so its value changes while a person works: a new
value is checked again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.adapters.labelstudio.api.user_access import Credential, LabelStudioUser
from backend.application.ports.clock import Clock
from backend.application.ports.cluster.logins import LoginStore, NoLogins
from backend.bootstrap.web import PlayerParts
from backend.domain.errors import NotAllowed
from backend.domain.recent import Recent
from backend.domain.tasks import TaskKey
from backend.interfaces.http.player.problems import SignInNeeded
from backend.interfaces.http.player.renewed import Renewed

COOKIE = "masklet_player"
LABEL_STUDIO_COOKIE = "sessionid"
SESSION_S = 8 * 3600
VERDICT_S = 60.0
"""How long an answer of Label Studio about a person counts."""

RENEW_S = 30.0
"""From this age on Label Studio is asked again beside the calls, which use the earlier answer."""

MAX_KEPT = 10_000
"""The most tokens and verdicts that are kept in memory."""

_PURPOSE = b"player sessions"

_Question = tuple[str, str, TaskKey | None]
"""User and task; or user and fingerprint of a login."""


class Access(Protocol):
    """Label Studio's answers about a person; see UserAccess."""

    def whoami(self, credential: Credential) -> LabelStudioUser: ...

    def may_see(self, credential: Credential, task: TaskKey) -> bool: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person. user: empty without a Label Studio. user_id: Label Studio's; 0 if it is not known."""

    user: str
    name: str
    credential: Credential
    user_id: int = 0


class PlayerSessions:
    """Signs people in and checks their calls. Thread-safe."""

    def __init__(self, access: Access | None, key: bytes, clock: Clock, logins: LoginStore) -> None:
        """access: None without a Label Studio; then there is one user without a name, who sees every task."""
        self._logins = logins
        self._access = access
        self._key = hmac.new(key, _PURPOSE, hashlib.sha256).digest()
        self._clock = clock
        self._tokens: Recent[str, str] = Recent(MAX_KEPT)
        self._verdicts: Renewed[_Question, bool] = Renewed(MAX_KEPT, clock, renew_after_s=RENEW_S, longest_s=VERDICT_S)

    def sign_in(self, cookies: Mapping[str, str], token: str) -> tuple[Caller, str]:
        """The person, and the value of the cookie. Raises SignInNeeded, LabelStudioUnavailable.

        token: of Label Studio; empty: Label Studio's cookie of the request counts, and where it is nobody's, an earlier
            sign-in by token, which is renewed.
        """
        if self._access is None:
            return Caller("", "", Credential()), self._sign({"user": "", "name": "", "login": ""})
        if token:
            credential = Credential(token=token)
            found = _user_of(self._access, credential)
        else:
            credential, found = self._known(self._access, cookies)
        fields = {
            "user": found.email,
            "name": found.name,
            "id": str(found.user_id),
            "login": _fingerprint(credential),
        }
        if credential.token:
            fields |= self._keep(credential.token)
        return Caller(found.email, found.name, credential, found.user_id), self._sign(fields)

    def caller(self, cookies: Mapping[str, str]) -> Caller:
        """The person of a request. Raises SignInNeeded."""
        if self._access is None:
            return Caller("", "", Credential())
        fields = self._read(cookies.get(COOKIE, ""))
        token = self._token_of(fields)
        credential = Credential(token=token) if token else Credential(cookies.get(LABEL_STUDIO_COOKIE, ""))
        caller = Caller(str(fields["user"]), str(fields["name"]), credential, int(str(fields.get("id") or 0)))
        if not credential or (_fingerprint(credential) != fields.get("login") and not self._is_of(caller)):
            raise SignInNeeded("Your login to Label Studio has changed; sign in again.")
        return caller

    def _known(self, access: Access, cookies: Mapping[str, str]) -> tuple[Credential, LabelStudioUser]:
        """The login that the cookies are of. Raises SignInNeeded, LabelStudioUnavailable."""
        session = Credential(cookies.get(LABEL_STUDIO_COOKIE, ""))
        refusal = SignInNeeded("You are not signed in to Label Studio.")
        if session:
            try:
                return session, _user_of(access, session)
            except SignInNeeded as error:
                refusal = error
        try:
            token = self._token_of(self._read(cookies.get(COOKIE, "")))
        except SignInNeeded:
            token = None
        if token is None:
            raise refusal
        earlier = Credential(token=token)
        return earlier, _user_of(access, earlier)

    def _is_of(self, caller: Caller) -> bool:
        """Whether a credential is of the caller: Label Studio gives its cookie a new value now and then."""
        access = self._access
        assert access is not None, "checked by caller"

        def is_own() -> bool:
            try:
                return access.whoami(caller.credential).email == caller.user
            except NotAllowed:
                return False

        return self._verdicts.get((caller.user, _fingerprint(caller.credential), None), is_own)

    def require_task(self, caller: Caller, task: TaskKey) -> None:
        """Raises NotAllowed if Label Studio does not show the task to the person. A verdict counts for VERDICT_S."""
        access = self._access
        if access is None:
            return
        may_see = self._verdicts.get((caller.user, "", task), lambda: access.may_see(caller.credential, task))
        if not may_see:
            raise NotAllowed(f"Label Studio does not show task {task.task_id} of project {task.project_id} to you")

    def _keep(self, token: str) -> dict[str, str]:
        """The fields of the cookie with which any web process finds the token."""
        name, body = secrets.token_urlsafe(16), token.encode("utf-8", "surrogatepass")
        half = secrets.token_bytes(len(body))
        self._tokens.put(name, token)
        self._logins.keep(name, _combined(body, half), for_s=SESSION_S)
        return {"token": name, "half": half.hex()}

    def _token_of(self, fields: Mapping[str, object]) -> str | None:
        """The token of a cookie's fields; None: it is of Label Studio's cookie, or nobody knows the token any more."""
        return self._token(str(fields["token"]), str(fields.get("half"))) if "token" in fields else None

    def _token(self, name: str, half: str) -> str | None:
        """None if nobody knows it any more."""
        token = self._tokens.get(name)
        if token is None:
            other = self._logins.kept(name)
            if other is None or len(half) != 2 * len(other):
                return None
            token = _combined(other, bytes.fromhex(half)).decode("utf-8", "surrogatepass")
            self._tokens.put(name, token)
        return token

    def _sign(self, fields: Mapping[str, str]) -> str:
        body = json.dumps({**fields, "until_s": int(self._clock.now_s()) + SESSION_S}).encode()
        encoded = base64.urlsafe_b64encode(body).decode().rstrip("=")
        return f"{encoded}.{self._signature(encoded)}"

    def _read(self, cookie: str) -> Mapping[str, object]:
        encoded, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(encoded).encode()):
            raise SignInNeeded("You are not signed in.")
        fields: Mapping[str, object] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        until_s = fields["until_s"]
        if not isinstance(until_s, int) or self._clock.now_s() > until_s:
            raise SignInNeeded("Your sign-in has expired.")
        return fields

    def _signature(self, encoded: str) -> str:
        return hmac.new(self._key, encoded.encode(), hashlib.sha256).hexdigest()


def open_sessions(player: PlayerParts | None, clock: Clock) -> PlayerSessions:
    """player: None without a Label Studio."""
    if player is None:
        return PlayerSessions(None, secrets.token_bytes(32), clock, NoLogins())
    return PlayerSessions(player.access, player.key, clock, player.logins)


def _user_of(access: Access, credential: Credential) -> LabelStudioUser:
    """Raises SignInNeeded, LabelStudioUnavailable."""
    try:
        return access.whoami(credential)
    except NotAllowed as error:
        raise SignInNeeded(f"{error}.") from error


def _combined(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _fingerprint(credential: Credential) -> str:
    text = f"{credential.session_id}\0{credential.token}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
