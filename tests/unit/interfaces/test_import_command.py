"""The command line of `masklet import`: values of --reencode, and what is said of a source."""

from __future__ import annotations

import pytest

from backend.interfaces.cli.import_ import with_reencode_value


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("import a.avi --project 7", "import a.avi --project 7"),
        ("import a.avi --reencode", "import a.avi --reencode=always"),
        ("import --reencode a.avi", "import --reencode=always a.avi"),
        ("import --reencode --project 7 a.avi", "import --reencode=always --project 7 a.avi"),
        ("import --reencode never a.avi", "import --reencode never a.avi"),
        ("import --reencode=auto a.avi", "import --reencode=auto a.avi"),
        ("", ""),
    ],
)
def test_reencode_without_a_value_means_always(typed: str, meant: str) -> None:
    assert with_reencode_value(typed.split()) == meant.split()
