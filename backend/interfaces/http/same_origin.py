"""Web pages of other origins: they may not call Masklet, whatever login the browser or the machine gives them.

A page that a person looks at can send requests from that person's machine, also to a loopback address. Three checks
refuse it, before a body is read: the Host header (a name that a stranger pointed at this machine: DNS rebinding), the
Origin and Sec-Fetch-Site headers (which browsers alone send), and the content type (a page sends JSON to another
origin only after a preflight, which no route answers). Label Studio's server sends neither Origin nor Sec-Fetch-Site.
Signed media addresses are exempt: the page of Label Studio is meant to load them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.interfaces.http.auth import MEDIA_PATHS, PLAYER_PAGE
from backend.interfaces.http.errors import reply

ANY_HOST = "*"
"""In MASKLET_ALLOWED_HOSTS: every host name."""

READING_METHODS = ("GET", "HEAD", "OPTIONS")
FRAMES = ("embed", "iframe", "frame", "object")
OWN_SITES = ("same-origin", "none")
DEFAULT_PORTS = {"http": 80, "https": 443}

Authority = tuple[str, int]
"""A host name, in lower case and without brackets, and a port."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The host names under which Masklet may be called.

    names: of the settings, in lower case; a name with a leading dot stands for its subdomains. Network addresses and
    loopback names are always allowed: no name service is asked for them. allows_undotted: also names without a dot, as
    Docker and Kubernetes give to services; only the local network can make up such a name.
    """

    names: frozenset[str]
    allows_undotted: bool = False

    @classmethod
    def of(cls, names: Iterable[str], *, allows_undotted: bool = False) -> AllowedHosts:
        """names: host names, with or without a port, or addresses of origins; empty ones are left out."""
        hosts = (_host_of(name.strip()) for name in names)
        return cls(frozenset(host for host in hosts if host), allows_undotted)

    def admits(self, host: str) -> bool:
        """host: without its port."""
        if ANY_HOST in self.names or host in self.names or _is_local(host):
            return True
        if self.allows_undotted and host and "." not in host:
            return True
        return any(name.startswith(".") and host.endswith(name) for name in self.names)


class SameOriginMiddleware:
    """ASGI middleware that refuses what a page of another origin sends, with 403 or 415 and a sentence."""

    def __init__(self, app: ASGIApp, *, allowed: AllowedHosts, public_url: str = "") -> None:
        """public_url: the address under which browsers reach Masklet; its pages count as Masklet's own."""
        self._app = app
        self._allowed = allowed
        self._public = _authority_of_url(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(MEDIA_PATHS):
            refusal = self._refusal(scope)
            if refusal is not None:
                status, sentence = refusal
                await reply(status, sentence)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) > 1:
            return 400, "the request has more than one Host header"
        host = hosts[0] if hosts else ""
        if host and not self._allowed.admits(_host_of(host)):
            return 403, (
                f"Masklet is not called {_host_of(host)[:100]!r}: add the name to MASKLET_ALLOWED_HOSTS if it should be"
            )
        method = scope["method"]
        if not self._is_own_page(headers, host, method, scope["path"]):
            return 403, "a web page of another origin may not call Masklet"
        if method not in READING_METHODS and not _is_json(headers.get("content-type", "")):
            return 415, "the request must say that it is JSON: send it with Content-Type: application/json"
        return None

    def _is_own_page(self, headers: Headers, host: str, method: str, path: str) -> bool:
        """Whether no browser sent this, or a browser on a page of Masklet's own origin or its address line."""
        site = headers.get("sec-fetch-site")
        if site is not None and site not in OWN_SITES and not _is_link(headers, method, path):
            return False
        origin = headers.get("origin")
        if origin is None:
            return True
        authority = _authority_of_url(origin)
        return authority is not None and authority in (self._public, _authority_under(origin, host))


def _is_link(headers: Headers, method: str, path: str) -> bool:
    """Whether a person followed a link, or a page shows the player in a frame: the other page does not see the answer.

    The player's content security policy names the pages that may frame it.
    """
    shown_as = ("document", *(FRAMES if path == PLAYER_PAGE else ()))
    is_shown = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") in shown_as
    return is_shown and method in READING_METHODS


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host_of(text: str) -> str:
    """The host in a Host header or an address, in lower case, without port, brackets and final dot."""
    return _split(text)[0]


def _authority_of_url(address: str) -> Authority | None:
    """None for an address without a host, such as "null"."""
    scheme = address.partition("://")[0].lower()
    host, port = _split(address)
    if "://" not in address or not host:
        return None
    return host, port or DEFAULT_PORTS.get(scheme, 0)


def _authority_under(origin: str, host: str) -> Authority:
    """The authority of a Host header; a port that it leaves out is the one of the origin's scheme."""
    name, port = _split(host)
    return name, port or DEFAULT_PORTS.get(origin.partition("://")[0].lower(), 0)


def _split(text: str) -> tuple[str, int]:
    """Host and port of "host:port" or of an address; ("", 0) if there is none, port 0 if it names none."""
    if text == ANY_HOST:
        return ANY_HOST, 0
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        return (parts.hostname or "").rstrip("."), parts.port or 0
    except ValueError:
        return "", 0
