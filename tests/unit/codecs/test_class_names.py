"""Files with the names of classes, in the forms of other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.codecs.class_names import read_class_names
from backend.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("classes.txt", "cat\nbig dog\n", {0: "cat", 1: "big dog"}),
        ("labels.txt", "\ufeffcar\r\n\r\nbird\r\n", {0: "car", 2: "bird"}),
        ("data.yaml", "names: [cat, 'dog: big', no]\n", {0: "cat", 1: "dog: big", 2: "no"}),
        ("data.yaml", "nc: 2\nnames:\n- cat\n- 1e3\ntrain: x\n", {0: "cat", 1: "1e3"}),
        ("data.yml", "train: 5\nval:\n  7: no class\nnames:\n  1: dog  # big\n  0: cat\n", {0: "cat", 1: "dog"}),
        ("manifest.json", '{"notes": {"classes": {"1": "cat", "10": "\\u00e4"}}}', {1: "cat", 10: "ä"}),
    ],
)
def test_every_form(tmp_path: Path, name: str, text: str, names: dict[int, str]) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read_class_names(path) == names


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("classes.txt", "\n \n", "names no classes"),
        ("classes.txt", "cat\ndog\ncat\n", "'cat' twice"),
        ("data.yaml", "names: [cat", "is not YAML"),
        ("data.yaml", "nc: 3\n", "no entry names:"),
        ("data.yaml", "names: cat\n", "no entry names:"),
        ("data.yaml", "names: {cat: 0}\n", "whole number from 0, got 'cat'"),
        ("data.yaml", "names: [[cat]]\n", "a text, not list"),
        ("manifest.json", "{", "cannot be parsed"),
    ],
)
def test_faults_are_named(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidInput, match=sentence):
        read_class_names(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_class_names(tmp_path / "absent.txt")
    (tmp_path / "latin.txt").write_bytes(b"K\xe4fer\n")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_class_names(tmp_path / "latin.txt")
