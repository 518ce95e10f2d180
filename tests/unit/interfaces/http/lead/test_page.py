"""The files of the lead's page."""

from __future__ import annotations

import re

from backend.domain.datasets import FormatName
from backend.interfaces.http.lead.routes import FOLDER
from tests.unit.interfaces.http.lead.builders import LeadWeb

BY_THEMSELVES = {"main.js", "types.js", "types_training.js"}
"""The module that the page runs, and the one without code."""


def after_the_grid() -> set[str]:
    """The modules of the other views, which are fetched when the grid is drawn."""
    code = (FOLDER / "view" / "other_views.js").read_text()
    return {f"view/{name}" for name in re.findall(r'import\("\./([\w.]+)"\)', code)}


def test_every_module_is_fetched_at_once() -> None:
    """Without a preload a module is fetched after those that import it: a second on a slow line."""
    modules = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js")} - BY_THEMSELVES - after_the_grid()
    client = LeadWeb().client()
    addresses = re.findall(r'(?:href|src)="(/[^"]+)"', client.get("/lead").text)
    assert {each.removeprefix("/lead/static/") for each in addresses if each.startswith("/lead/static/")} == {
        *modules,
        "main.js",
        "lead.css",
    }
    assert [address for address in addresses if client.get(address).status_code != 200] == []


def test_the_page_offers_every_format() -> None:
    offered = re.search(r"const FORMATS = \[(.*?)\]", (FOLDER / "view" / "dialogs.js").read_text(), re.DOTALL)
    assert offered is not None
    assert set(re.findall(r'"([\w-]+)"', offered[1])) == {each.value for each in FormatName}
