"""Downloads of a task's media: streamed, bounded in size and time, within the media policy.

The connection uses the checked network address, so a second name lookup cannot change it. Every redirect is checked
again, and the token is sent only where the policy allows it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import httpx

from backend.adapters.labelstudio.api.media_policy import Destination, MediaPolicy
from backend.domain.errors import MediaError, MediaRefused, MediaUnreachable

logger = logging.getLogger(__name__)

MAX_REDIRECTS = 5
RETRYABLE = frozenset((408, 425, 429))
TIMEOUTS = httpx.Timeout(20.0, connect=5.0)
"""Seconds until the connection, until the first byte, and between any two."""

RATE_WINDOW_S = 30.0
MIN_BYTES_PER_S = 8 * 2**10
"""A server that sends less over RATE_WINDOW_S is given up: a video would take hours."""


class Sink(Protocol):
    """Where the bytes go. An error that it raises ends the download."""

    def write(self, chunk: bytes, /) -> int: ...


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
        url = self.policy.absolute(address)
        # Another server may redirect to any of Label Studio's files: the token is for what the address itself names.
        is_own_file = self.policy.own_file(address) is not None
        with httpx.Client(timeout=TIMEOUTS, trust_env=False, transport=self.transport) as client:
            for _ in range(MAX_REDIRECTS + 1):
                to = self.policy.destination(url)
                to = replace(to, with_token=to.with_token and is_own_file)
                with self._response(client, to, validator) as response:
                    if not response.has_redirect_location:
                        return self._received(response, sink, validator)
                    url = self._next(url, response)
        raise MediaError(f"the media's address redirects more than {MAX_REDIRECTS} times")

    @contextmanager
    def _response(self, client: httpx.Client, to: Destination, validator: str) -> Iterator[httpx.Response]:
        """The response before its body. A refused access token is renewed once."""
        try:
            response = self._send(client, to, validator)
            if response.status_code == 401 and to.with_token:
                response.close()
                self.renew()
                response = self._send(client, to, validator)
        except httpx.HTTPError as error:
            raise MediaUnreachable(f"{to.url.host} does not answer: {type(error).__name__}") from error
        try:
            yield response
        finally:
            response.close()

    def _send(self, client: httpx.Client, to: Destination, validator: str) -> httpx.Response:
        headers = {"Host": to.url.netloc.decode("ascii"), "Accept-Encoding": "identity", **_condition(validator)}
        if to.with_token:
            headers["Authorization"] = self.authorization()
        request = client.build_request(
            "GET", to.url.copy_with(host=to.ip), headers=headers, extensions={"sni_hostname": to.url.host}
        )
        request.extensions["timeout"] = TIMEOUTS.as_dict()
        return client.send(request, stream=True, follow_redirects=False)

    def _next(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        location = response.headers.get("location", "")
        try:
            return url.join(location)
        except httpx.InvalidURL as error:
            raise MediaError("the media's address redirects to an invalid address") from error

    def _received(self, response: httpx.Response, sink: Sink, validator: str) -> DownloadResult:
        status, host = response.status_code, response.request.headers["host"]
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if status == 304 and validator:
            return DownloadResult(validator, 0, content_type, unchanged=True)
        if status in RETRYABLE or status >= 500:
            raise MediaUnreachable(f"{host} answered {status} instead of the media")
        if status != 200:
            raise MediaRefused(_refusal(host, status))
        if content_type in ("text/html", "application/xhtml+xml"):
            raise MediaRefused(f"{host} gave a web page instead of the media; is it a login page?")
        length = self._copy(response, sink, host)
        if length == 0:
            raise MediaRefused(f"{host} gave an empty file")
        stamp = response.headers.get("etag") or response.headers.get("last-modified") or ""
        return DownloadResult(stamp[:500], length, content_type)

    def _copy(self, response: httpx.Response, sink: Sink, host: str) -> int:
        give_up_s = self.monotonic_s() + self.deadline_s
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            raise MediaError(self._too_large(host))
        written = in_window = 0
        window_s = self.monotonic_s()
        try:
            for chunk in response.iter_bytes():
                written += len(chunk)
                in_window += len(chunk)
                if self.monotonic_s() - window_s >= RATE_WINDOW_S:
                    _require_rate(host, in_window / (self.monotonic_s() - window_s))
                    window_s, in_window = self.monotonic_s(), 0
                if written > self.max_bytes:
                    raise MediaError(self._too_large(host))
                if self.monotonic_s() > give_up_s:
                    raise MediaUnreachable(f"{host} did not send the whole file within {self.deadline_s:g} s")
                sink.write(chunk)
        except httpx.HTTPError as error:
            raise MediaUnreachable(f"{host} broke off after {written} bytes: {type(error).__name__}") from error
        return written

    def _too_large(self, host: str) -> str:
        return f"the file at {host} is larger than {self.max_bytes} bytes, the most that is fetched"


def _require_rate(host: str, bytes_per_s: float) -> None:
    if bytes_per_s < MIN_BYTES_PER_S:
        raise MediaUnreachable(
            f"{host} sends {bytes_per_s / 2**10:.1f} KiB a second, too little to wait for; the least is "
            f"{MIN_BYTES_PER_S / 2**10:g}"
        )


def _condition(validator: str) -> dict[str, str]:
    """The header of a conditional request. An ETag has quotes, a date has none."""
    if not validator or not validator.isascii() or not validator.isprintable():
        return {}
    return {"If-None-Match" if '"' in validator else "If-Modified-Since": validator}


def _refusal(host: str, status: int) -> str:
    if status in (401, 403):
        return f"{host} refused the media ({status}); the token's user needs access to the project, or the link expired"
    if status in (404, 410):
        return f"{host} has no such file ({status})"
    return f"{host} answered {status} instead of the media"
