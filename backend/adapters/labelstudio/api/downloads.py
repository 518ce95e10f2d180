"""Downloads of a task's media: streamed, bounded in size and time, within the media policy.

The connection uses the checked network address, so a second name lookup cannot change it. Every redirect is checked
again, and the token is sent only where the policy allows it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from backend.adapters.labelstudio.api.media_policy import Destination, MediaPolicy
from backend.adapters.labelstudio.api.storage_refusals import shown, storage_refusal
from backend.adapters.labelstudio.api.transfer import Sink, Transfer
from backend.adapters.labelstudio.storage_addresses import storage_address
from backend.domain.errors import MediaError, MediaRefused, MediaUnreachable, NotAllowed

logger = logging.getLogger(__name__)

MAX_REDIRECTS = 5
RETRYABLE = frozenset((408, 425, 429))
CONDITIONS = ("If-None-Match", "If-Modified-Since")
TIMEOUTS = httpx.Timeout(20.0, connect=5.0)
"""Seconds until the connection, until the first byte, and between any two."""


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """A download's outcome. length: bytes. validator: the version's ETag, or else its Last-Modified; may be empty.

    unchanged: the caller's version is current; nothing was written.
    """

    validator: str
    length: int
    content_type: str
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Downloader:
    """Downloads media. authorization: the header's value for Label Studio. renew: called after a refusal of it."""

    policy: MediaPolicy
    authorization: Callable[[], str]
    renew: Callable[[], None]
    monotonic_s: Callable[[], float]
    max_bytes: int
    deadline_s: float
    transport: httpx.BaseTransport | None = None

    def download(self, address: str, sink: Sink, *, validator: str = "") -> DownloadResult:
        """Writes the media at an address into sink.

        address: from the task's data. validator: of the caller's version, if any.
        Raises NotAllowed, MediaError, MediaRefused, MediaUnreachable, LabelStudioRefused or LabelStudioUnavailable (no
        token). Bytes written before an error are invalid.
        """
        transfer = Transfer(sink, max_bytes=self.max_bytes, deadline_s=self.deadline_s, monotonic_s=self.monotonic_s)
        with httpx.Client(timeout=TIMEOUTS, trust_env=False, transport=self.transport) as client:
            while True:
                result = self._part(client, address, transfer, validator)
                if result is not None:
                    return result

    def _part(self, client: httpx.Client, address: str, transfer: Transfer, validator: str) -> DownloadResult | None:
        """Follows the address to one response, and receives it. None: the file goes on in the next one."""
        url = self.policy.absolute(address)
        # Another server may redirect to any of Label Studio's files: the token is for what the address itself names.
        is_own_file = self.policy.own_file(address) is not None
        stored = storage_address(address)
        for redirects in range(MAX_REDIRECTS + 1):
            to = self._destination(url, stored if redirects else "")
            to = replace(to, with_token=to.with_token and is_own_file)
            with self._response(client, to, transfer.range or _condition(validator)) as response:
                if not response.has_redirect_location:
                    _require_media(response, stored, is_resolver=to.with_token, is_part=transfer.written > 0)
                    return _received(response, transfer, validator)
                url = self._next(url, response)
        raise MediaError(f"the media's address redirects more than {MAX_REDIRECTS} times")

    def _destination(self, url: httpx.URL, stored: str) -> Destination:
        """The checked address. stored: the storage's address that Label Studio redirected from; empty for others."""
        try:
            return self.policy.destination(url)
        except NotAllowed as error:
            if not stored:
                raise
            raise NotAllowed(
                f"Label Studio redirects {shown(stored)} to its storage: {error}, or switch pre-signed URLs off in the "
                "storage's settings"
            ) from error

    @contextmanager
    def _response(self, client: httpx.Client, to: Destination, asked: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The response before its body. A refused access token is renewed once."""
        try:
            response = self._send(client, to, asked)
            if response.status_code == 401 and to.with_token:
                response.close()
                self.renew()
                response = self._send(client, to, asked)
        except httpx.HTTPError as error:
            raise MediaUnreachable(f"{to.url.host} does not answer: {type(error).__name__}") from error
        try:
            yield response
        finally:
            response.close()

    def _send(self, client: httpx.Client, to: Destination, asked: Mapping[str, str]) -> httpx.Response:
        # A server that ends a body early would else keep the connection, and the end would not be seen.
        headers = {"Host": to.url.netloc.decode("ascii"), "Accept-Encoding": "identity", "Connection": "close", **asked}
        if to.with_token:
            headers["Authorization"] = self.authorization()
        request = client.build_request(
            "GET", to.url.copy_with(host=to.ip), headers=headers, extensions={"sni_hostname": to.url.host}
        )
        request.extensions["timeout"] = TIMEOUTS.as_dict()
        # Cookies know no ports, and the host is a network address: one of Label Studio's could go to a storage there.
        request.headers.pop("cookie", None)
        return client.send(request, stream=True, follow_redirects=False)

    def _next(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        location = response.headers.get("location", "")
        try:
            return url.join(location)
        except httpx.InvalidURL as error:
            raise MediaError("the media's address redirects to an invalid address") from error


def _received(response: httpx.Response, transfer: Transfer, validator: str) -> DownloadResult | None:
    """The finished download; None if the next response continues it. Raises MediaRefused for an empty file."""
    host, content_type = response.request.headers["host"], _content_type(response)
    if response.status_code == 304:
        return DownloadResult(validator, 0, content_type, unchanged=True)
    if not transfer.receive(response, host):
        return None
    if transfer.written == 0:
        raise MediaRefused(f"{host} gave an empty file")
    return DownloadResult(transfer.stamp, transfer.written, content_type)


def _require_media(response: httpx.Response, stored: str, *, is_resolver: bool, is_part: bool) -> None:
    """Raises MediaUnreachable or MediaRefused for a response without the media.

    stored: the address of cloud storage that is fetched; empty for others. is_resolver: whether Label Studio answers.
    is_part: whether the response continues another one.
    """
    status, host = response.status_code, response.request.headers["host"]
    if status == 304 and any(name in response.request.headers for name in CONDITIONS):
        return
    if status in RETRYABLE or status >= 500:
        raise MediaUnreachable(f"{host} answered {status} instead of the media")
    if is_part and status != 206:
        raise MediaUnreachable(f"{host} answered {status} instead of the rest of the media")
    if status != 200 and not is_part:
        raise MediaRefused(storage_refusal(stored, host, status, is_resolver=is_resolver) or _refusal(host, status))
    if _content_type(response) in ("text/html", "application/xhtml+xml"):
        raise MediaRefused(f"{host} gave a web page instead of the media; is it a login page?")


def _content_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _condition(validator: str) -> dict[str, str]:
    """The header of a conditional request. An ETag has quotes, a date has none."""
    if not validator or not validator.isascii() or not validator.isprintable():
        return {}
    return {CONDITIONS[0] if '"' in validator else CONDITIONS[1]: validator}


def _refusal(host: str, status: int) -> str:
    if status in (401, 403):
        return f"{host} refused the media ({status}); the token's user needs access to the project, or the link expired"
    if status in (404, 410):
        return f"{host} has no such file ({status})"
    return f"{host} answered {status} instead of the media"
