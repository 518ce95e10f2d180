"""Calls to Label Studio's API through its SDK, with the SDK's errors translated to the domain's.

The SDK exchanges a personal access token for short-lived ones and renews them; it sends a legacy token unchanged. By
default it follows redirects, even with a refresh token in the body, and repeats a POST that may have succeeded: both
are switched off here. It is imported at the first call, because commands that do not call Label Studio would wait a
second for it. Servers call `load_sdk` at their start: no request waits for the import.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from backend.adapters.labelstudio.api.sdk import load_sdk
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, NotFound

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
RETRYABLE = frozenset((408, 409, 425, 429))
MAX_DETAIL_CHARS = 300
HTML = re.compile(r"<[^<>]+>")
UNNAMED = ("non_field_errors", "label_config")
"""Fields of Label Studio's error messages whose sentences need no name before them."""


class Session:
    """Calls Label Studio's API as one user. Thread-safe as far as the SDK is."""

    def __init__(self, url: str, token: str, *, timeout_s: float, transport: httpx.BaseTransport | None = None) -> None:
        """Does not connect. transport replaces the network."""
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._http = httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False, transport=transport)
        self._sdk: Any = None

    def call(self, what: str, ask: Callable[[Any], Answer]) -> Answer:
        """The result of `ask` with the SDK's client; a refused access token is renewed once.

        what: the request in a few words, for messages. Raises LabelStudioUnavailable (a retry may help; the request
        may have been executed), NotFound or LabelStudioRefused.
        """
        load_sdk()
        from label_studio_sdk.core.api_error import ApiError
        from label_studio_sdk.core.parse_error import ParsingError

        try:
            return ask(self._client())
        except ApiError as error:
            if error.status_code != 401:
                raise translated(error, what, self.url) from error
        except (httpx.HTTPError, ParsingError, httpx.InvalidURL) as error:
            raise translated(error, what, self.url) from error
        self._sdk = None
        try:
            return ask(self._client())
        except (ApiError, httpx.HTTPError, ParsingError, httpx.InvalidURL) as error:
            raise translated(error, what, self.url) from error

    def read(self, what: str, path: str) -> object:
        """The JSON at an API path without a method in the SDK. Raises as `call` does."""
        return self._exchange(what, "GET", path, None)

    def post(self, what: str, path: str, body: Mapping[str, object]) -> object:
        """The JSON answer to JSON sent to an API path without a method in the SDK. Raises as `call` does."""
        return self._exchange(what, "POST", path, body)

    def patch(self, what: str, path: str, body: Mapping[str, object]) -> object:
        """The JSON answer to a change of fields for which the SDK has no parameters. Raises as `call` does."""
        return self._exchange(what, "PATCH", path, body)

    def _exchange(self, what: str, method: str, path: str, sent: Mapping[str, object] | None) -> object:
        load_sdk()
        from label_studio_sdk.core.api_error import ApiError

        def ask(sdk: Any) -> object:  # noqa: ANN401
            headers = {"Authorization": _authorization(sdk)}
            reply = self._http.request(method, self.url + path, headers=headers, json=sent)
            try:
                body: object = reply.json()
            except ValueError:
                raise ApiError(status_code=reply.status_code) from None
            if reply.status_code != httpx.codes.OK:
                raise ApiError(status_code=reply.status_code, body=body)
            return body

        return self.call(what, ask)

    def authorization(self) -> str:
        """The Authorization header's value, with a valid access token. Raises as `call` does."""
        return self.call("log in", lambda sdk: _authorization(sdk))

    def renew(self) -> None:
        """Discards the refused access token."""
        self._sdk = None

    def close(self) -> None:
        self._http.close()

    def _client(self) -> Any:  # noqa: ANN401  (the SDK has no types that mypy follows)
        if not self._token:
            raise LabelStudioRefused(
                "no Label Studio token is set; put a personal access token in LABEL_STUDIO_API_KEY"
            )
        if self._sdk is None:
            from label_studio_sdk.client import LabelStudio

            self._sdk = LabelStudio(
                base_url=self.url,
                api_key=self._token,
                timeout=self._timeout_s,
                max_retries=0,
                follow_redirects=False,
                httpx_client=self._http,
            )
        return self._sdk


def version_of(session: Session) -> str:
    """Label Studio's release, such as "1.23.2". Raises LabelStudioUnavailable or LabelStudioRefused."""
    return str(session.call("read its version", lambda sdk: sdk.versions.get()).release)


def _authorization(sdk: Any) -> str:  # noqa: ANN401
    # The only private name used (SDK 2.0 to 2.1): the header has no public access.
    return str(sdk._client_wrapper.get_headers()["Authorization"])


def translated(error: Exception, what: str, url: str) -> Exception:
    """The SDK's error as one of the domain, with the remedy. The message never holds a token or a whole body."""
    if isinstance(error, httpx.TimeoutException):
        return LabelStudioUnavailable(f"Label Studio at {url} did not answer in time (to {what})")
    if isinstance(error, httpx.InvalidURL):
        return LabelStudioRefused(f"LABEL_STUDIO_URL is not a web address: {url}")
    if isinstance(error, httpx.HTTPError):
        return LabelStudioUnavailable(f"Label Studio at {url} does not answer (to {what}): {type(error).__name__}")
    return _refusal(getattr(error, "status_code", None) or 0, _detail(getattr(error, "body", None)), what, url)


def _refusal(status: int, detail: str, what: str, url: str) -> Exception:
    """The error for a reply's status. A reply below 300 is one without JSON: the page of something in between."""
    if status in RETRYABLE or status >= 500:
        return LabelStudioUnavailable(f"Label Studio answered {status} (to {what}){detail}")
    if status < 300:
        answer = f"{url} answered {status or 'something'} that is not JSON (to {what})"
        return LabelStudioUnavailable(f"{answer}; is it Label Studio's address?")
    if status == 401:
        return LabelStudioRefused(
            f"Label Studio refused the token (to {what}){detail}; make a new personal access token, or allow legacy "
            "tokens in the organization's settings"
        )
    if status == 404:
        return NotFound(f"Label Studio has nothing there (to {what}){detail}")
    if status < 400:
        return LabelStudioRefused(
            f"Label Studio at {url} redirects (to {what}); set LABEL_STUDIO_URL to where it leads"
        )
    remedy = "; use the token of a user who may do that" if status == 403 and "permission" in detail else ""
    return LabelStudioRefused(f"Label Studio answered {status} (to {what}){detail}{remedy}")


def _detail(body: object) -> str:
    """Label Studio's error message, at most MAX_DETAIL_CHARS; never the whole body."""
    if not isinstance(body, dict):
        return ""
    sentences = dict.fromkeys(
        sentence for key in ("detail", "validation_errors") for sentence in _sentences(body.get(key))
    )
    return f": {'; '.join(sentences)[:MAX_DETAIL_CHARS]}" if sentences else ""


def _sentences(content: object) -> Iterator[str]:
    """The texts of a nested error message: {"url": ["..."]}, each in one line."""
    if isinstance(content, dict):
        for field, each in content.items():
            named = "" if field in UNNAMED else f"{field}: "
            yield from (named + sentence for sentence in _sentences(each))
    elif isinstance(content, list):
        for each in content:
            yield from _sentences(each)
    elif content:
        yield " ".join(HTML.sub("", str(content)).split())
