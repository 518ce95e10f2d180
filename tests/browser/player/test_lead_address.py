"""The address of the lead's page: it has the filter, and what it cannot have is left out."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

LOAD = "const { addressOf, placeOf } = await import('/lead/static/state/address.js');"


@pytest.mark.parametrize(
    ("address", "again"),
    [
        ("", "?"),
        ("?project=7", "?project=7"),
        (
            "?project=7&state=done,failed&verdict=redo&person=ann%40example.org&label=Cat&order=uncertainty&page=3",
            "?project=7&state=done%2Cfailed&verdict=redo&person=ann%40example.org&label=Cat&order=uncertainty&page=3",
        ),
        ("?project=7&person=", "?project=7&person="),
        ("?project=7&view=people", "?project=7&view=people"),
        ("?project=x&state=lost&view=what&order=up&page=-1", "?"),
    ],
)
def test_an_address_leads_to_itself(modules: Modules, address: str, again: str) -> None:
    assert modules.run(f"{LOAD} return addressOf(placeOf(argument));", address) == again
