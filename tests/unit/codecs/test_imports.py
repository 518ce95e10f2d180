from __future__ import annotations

import gc

import pytest

from backend.codecs.imports import imports_for_good


@pytest.fixture(autouse=True)
def _thawed() -> object:
    yield
    gc.enable()


def test_what_was_made_in_the_block_is_not_looked_at_again() -> None:
    with imports_for_good():
        assert not gc.isenabled()
        made: list[object] = []
        made.append(made)
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert not any(found is made for found in gc.get_objects())


def test_a_failed_import_leaves_the_collection_enabled() -> None:
    with pytest.raises(ModuleNotFoundError), imports_for_good():
        import backend.no_such_module  # type: ignore[import-not-found]  # noqa: F401
    assert gc.isenabled()
