"""Without a password only the machine itself is served."""

from __future__ import annotations

import pytest

from backend.domain.errors import InvalidInput
from backend.interfaces.safe_binding import require_safe_binding


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_password(host: str) -> None:
    require_safe_binding(host, has_password=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.7", "example.org", "127.0.0.1.example.org"])
def test_any_other_address_needs_a_password(host: str) -> None:
    require_safe_binding(host, has_password=True)
    with pytest.raises(InvalidInput, match="MASKLET_BASIC_AUTH_PASS"):
        require_safe_binding(host, has_password=False)
