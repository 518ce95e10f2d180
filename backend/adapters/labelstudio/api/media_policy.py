"""The policy on addresses that Masklet may fetch, and on the use of Label Studio's token.

The addresses in a task's data are untrusted. Allowed are the origins that the settings name, with http or https and
without a user name. Every network address of a host is checked. The token is sent to Label Studio's own media paths
only.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

import httpx

from backend.domain.errors import MediaUnreachable, NotAllowed

ANY_PUBLIC = "*"
"""In the list of media hosts: any origin with a public network address."""

MEDIA_PATHS = ("/data/", "/storage-data/", "/tasks/", "/projects/")
"""Label Studio's paths of uploads, local files and signed storage links; the token is sent to these only."""

TRANSLATED = tuple(IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
"""IPv6 ranges that lead to IPv4 addresses, private ones included."""

IpAddress = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Iterable[str]]
"""A host name and port to the network addresses it has now, as text. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port; two addresses are of one origin if all three are equal."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        port = url.port or (443 if url.scheme == "https" else 80)
        return cls(url.scheme, url.host.rstrip(".").lower(), port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Destination:
    """An allowed address: the network address to connect to, and whether Label Studio's token is sent."""

    url: httpx.URL
    ip: str
    with_token: bool


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """label_studio: its address, with its base path. hosts: other origins. any_public: see ANY_PUBLIC."""

    label_studio: httpx.URL
    hosts: frozenset[Origin]
    any_public: bool
    resolve: Resolve

    @classmethod
    def of(cls, label_studio_url: str, media_hosts: Iterable[str], resolve: Resolve | None = None) -> MediaPolicy:
        """The policy of the settings. Raises NotAllowed for an address other than http or https."""
        names = [name.strip() for name in media_hosts if name.strip()]
        hosts = frozenset(Origin.of(parse_url(name)) for name in names if name != ANY_PUBLIC)
        return cls(parse_url(label_studio_url), hosts, ANY_PUBLIC in names, resolve or resolved)

    def destination(self, url: httpx.URL) -> Destination:
        """Checks an address. Raises NotAllowed, or MediaUnreachable if the name does not resolve."""
        origin = Origin.of(url)
        is_label_studio = origin == Origin.of(self.label_studio)
        is_named = is_label_studio or origin in self.hosts
        if not is_named and not self.any_public:
            raise NotAllowed(f"media may not come from {origin}; add it to MASKLET_MEDIA_HOSTS if it should")
        ip = self._checked_ip(origin, is_named=is_named)
        return Destination(url, ip, with_token=is_label_studio and self._is_media_path(url))

    def own_file(self, address: str) -> str | None:
        """The path and query of an address that is fetched with the token, without the base path; None for others.

        Raises NotAllowed for what is not a web address.
        """
        url = self.absolute(address)
        if Origin.of(url) != Origin.of(self.label_studio) or not self._is_media_path(url):
            return None
        path = unquote(url.path).removeprefix(self.label_studio.path.rstrip("/"))
        return f"{path}?{url.query.decode('ascii')}" if url.query else path

    def absolute(self, address: str) -> httpx.URL:
        """The full address of an address in a task's data: a path is Label Studio's. Raises NotAllowed."""
        address = address.strip()
        if not address.startswith("/") or address.startswith("//"):
            return parse_url(address)
        base = self.label_studio.path.rstrip("/")
        path = address if base and address.startswith(base + "/") else base + address
        return parse_url(f"{self.label_studio.scheme}://{self.label_studio.netloc.decode('ascii')}{path}")

    def _checked_ip(self, origin: Origin, *, is_named: bool) -> str:
        """The first network address of a name, if all of them are acceptable."""
        try:
            found = [ip_address(text.partition("%")[0]) for text in self.resolve(origin.host, origin.port)]
        except (OSError, UnicodeError) as error:
            raise MediaUnreachable(f"the host of {origin} is not known") from error
        if not found:
            raise MediaUnreachable(f"the host of {origin} has no network address")
        for ip in found:
            if not _acceptable(ip, is_named=is_named):
                raise NotAllowed(f"{origin} leads to the reserved network address {ip}")
        return str(found[0])

    def _is_media_path(self, url: httpx.URL) -> bool:
        path = unquote(url.path)
        base = self.label_studio.path.rstrip("/")
        inside = path.removeprefix(base)
        return path.startswith(base + "/") and inside.startswith(MEDIA_PATHS) and ".." not in inside.split("/")


def parse_url(address: str) -> httpx.URL:
    """The parsed address. Raises NotAllowed unless it is a plain http or https address with a host."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise NotAllowed("the media's address is not a web address") from error
    if url.scheme not in ("http", "https"):
        raise NotAllowed(
            "media may come from the storages that Label Studio resolves (s3, gs, azure-blob) and from http and https "
            f"addresses only, not from {url.scheme or 'a bare name'!r}"
        )
    if not url.host or not 0 < (80 if url.port is None else url.port) < 65_536:
        raise NotAllowed("the media's address has no host, or no valid port")
    if url.userinfo:
        raise NotAllowed("the media's address must not hold a user name or password")
    return url


def resolved(host: str, port: int) -> list[str]:
    """The network addresses of a host, from the system's name service."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _acceptable(ip: IpAddress, *, is_named: bool) -> bool:
    """Whether an address may be fetched. Named origins may be private; link-local (cloud metadata) is refused."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return _acceptable(ip.ipv4_mapped, is_named=is_named)
        if any(ip in network for network in TRANSLATED):
            return False
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return is_named or ip.is_global
