"""The bundles that the pages load are those of their modules."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "backend" / "interfaces" / "http"
BUNDLES = {"player": {"main.js", "mask_painter.js"}, "lead": {"main.js"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    subprocess.run(["./scripts/page_bundles", str(folder)], cwd=ROOT, check=True, timeout=600)
    return folder


@pytest.mark.parametrize("page", BUNDLES)
def test_the_bundles_are_current(page: str, made: Path) -> None:
    kept, now = (
        {file.name: file.read_text() for file in (folder / page / "static" / "bundle").iterdir()}
        for folder in (PAGES, made)
    )
    assert set(kept) == BUNDLES[page]
    assert kept == now, "run ./scripts/page_bundles"


def test_the_players_page_loads_its_bundle() -> None:
    html = (PAGES / "player" / "static" / "index.html").read_text()
    assert re.findall(r'src="(\S+\.js)"', html) == ["/player/static/bundle/main.js"]
    bundle = (PAGES / "player" / "static" / "bundle" / "main.js").read_text()
    assert re.findall(r'^import .* from "(.*)";$', bundle, re.MULTILINE) == []
    assert re.findall(r'new URL\("(.*?)", import.meta.url\)', bundle) == ["./mask_painter.js"]
