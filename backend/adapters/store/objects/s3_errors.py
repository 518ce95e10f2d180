"""What an S3-compatible store answers when it refuses or fails, as Masklet's errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from backend.domain.errors import ServiceUnavailable, StorageFull, StoreRefused, StoreUnavailable

_CODE = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,80})\s*</Code>")
_STATUS = re.compile(r"status code: ([0-9]{3})")

_MACHINE_ROLES = "//169.254."
"""Where the client asks for the role of a machine in a cloud when it has no other credentials."""

_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), then start Masklet again"
_REGION = "the bucket is in another region; set AWS_REGION"
_CLOCK = "this machine's clock and the store's differ by minutes; set the clock (NTP)"

WAYS_OUT = {
    "NoSuchBucket": "there is no such bucket; make it, or name another one in MASKLET_STORE_URL",
    "ExpiredToken": f"the credentials have expired; {_CREDENTIALS}",
    "TokenRefreshRequired": f"the credentials have expired; {_CREDENTIALS}",
    "InvalidToken": f"the session token is not valid; {_CREDENTIALS}",
    "InvalidAccessKeyId": f"it does not know the access key; {_CREDENTIALS}",
    "SignatureDoesNotMatch": f"the secret key is not the access key's; {_CREDENTIALS}",
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "AccessDenied": "these credentials may not do that; allow s3:ListBucket on the bucket, and s3:GetObject, "
    "s3:PutObject and s3:DeleteObject on its objects",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
}

FULL = frozenset({"XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"})


@contextmanager
def store_errors(place: str, does: str, *, may_be_absent: bool = False) -> Iterator[None]:
    """Raises StoreRefused, StorageFull or StoreUnavailable for what obstore raises inside.

    place: the store's address. does: "be read", and the like. may_be_absent: FileNotFoundError passes, unless it is the
    bucket that is not there. The error that is replaced is not kept: its text has the whole answer of the store.
    """
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        text = str(error)
        if may_be_absent and isinstance(error, FileNotFoundError) and code_of(text) != "NoSuchBucket":
            raise
        raise store_error(place, does, text) from None


def store_error(place: str, does: str, text: str) -> ServiceUnavailable:
    """text: of obstore's error."""
    code, status = code_of(text), _STATUS.search(text)
    number = "" if status is None else status[1]
    if number == "507" or code in FULL:
        return StorageFull(f"no space is left in the store {place}: free some; what was accepted before is kept")
    said = " ".join(part for part in (number, code) if part)
    start = f"the store {place} cannot {does}"
    if code in WAYS_OUT:
        return StoreRefused(f"{start}: {WAYS_OUT[code]} ({said})")
    if number in ("401", "403"):
        return StoreRefused(f"{start}: it refuses the credentials ({said}); {_CREDENTIALS}")
    if number.startswith("4") and number not in ("408", "409", "425", "429"):
        return StoreRefused(f"{start}: it refuses the request ({said}); check MASKLET_STORE_URL and AWS_ENDPOINT_URL")
    if "builder error" in text:
        return StoreRefused(f"{start}: its address is http, not https; set AWS_ALLOW_HTTP=true if that is meant")
    if "redirect" in text:
        return StoreRefused(f"{start}: {_REGION}")
    if _MACHINE_ROLES in text:
        return StoreRefused(f"{start}: there are no credentials; {_CREDENTIALS}")
    reason = f"it answers {said}" if said else "it does not answer"
    return StoreUnavailable(f"{start}: {reason}; Masklet tries again. Check AWS_ENDPOINT_URL and the network")


def code_of(text: str) -> str:
    """S3's name of an error; empty if there is none."""
    found = _CODE.search(text)
    return "" if found is None else found[1]
