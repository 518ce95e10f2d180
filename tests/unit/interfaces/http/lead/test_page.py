"""The files of the lead's page."""

from __future__ import annotations

import re

from backend.domain.datasets import FormatName
from backend.interfaces.http.lead.routes import FOLDER
from tests.unit.interfaces.http.lead.builders import LeadWeb

FILES = {"early.js", "state/address.js", "bundle/main.js", "lead.css"}
"""What the page names. The first one imports the second one and nothing else, so that both come before the bundle."""


def test_the_page_names_all_that_it_needs() -> None:
    """Without a preload a module is fetched after those that import it."""
    client = LeadWeb().client()
    addresses = re.findall(r'(?:href|src)="(/[^"]+)"', client.get("/lead").text)
    assert {each.removeprefix("/lead/static/") for each in addresses if each.startswith("/lead/static/")} == FILES
    assert [address for address in addresses if client.get(address).status_code != 200] == []
    of_early, of_address, of_bundle = (imports_of(name) for name in ("early.js", "state/address.js", "bundle/main.js"))
    assert (of_early, of_address, of_bundle) == (["./state/address.js"], [], ["../early.js"])


def imports_of(name: str) -> list[str]:
    return re.findall(r'^import .* from "(.*)";$', (FOLDER / name).read_text(), re.MULTILINE)


def test_the_page_offers_every_format() -> None:
    offered = re.search(r"const FORMATS = \[(.*?)\]", (FOLDER / "view" / "dialogs.js").read_text(), re.DOTALL)
    assert offered is not None
    assert set(re.findall(r'"([\w-]+)"', offered[1])) == {each.value for each in FormatName}
