"""The structure of the documents and folders: named paths exist, folders and modules are of readable size."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_FILES = 25
PAGES = [ROOT / "DEVELOPING.md", ROOT / "docs" / "architecture.md", *sorted((ROOT / "backend").rglob("README.md"))]


def python_files() -> list[Path]:
    return [path for top in ("backend", "scripts", "tests") for path in (ROOT / top).rglob("*.py")]


def test_folders_have_few_files() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in python_files())
    assert len(counts) > 50
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_modules_are_of_readable_size() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in python_files()
        if path.is_relative_to(ROOT / "backend")
    }
    assert {name: length for name, length in lengths.items() if length > 300} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_named_paths_exist(page: Path) -> None:
    named = set(re.findall(r"`([\w./]+(?:\.py|\.md|/))`", page.read_text()))
    places = [ROOT, ROOT / "backend", page.parent]
    everywhere = {path.name for path in (ROOT / "backend").rglob("*.py")}
    missing = [
        name
        for name in sorted(named)
        if not any((place / name).exists() for place in places) and name not in everywhere
    ]
    assert named
    assert missing == []
