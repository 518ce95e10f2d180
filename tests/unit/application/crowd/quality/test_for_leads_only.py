"""Nothing that annotators reach reads what is measured of people, or which tasks are gold."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[5] / "backend"
REACHED = ("interfaces/http/player", "interfaces/labelstudio", "application/player", "application/annotation")
KEPT_APART = ("backend.application.crowd.quality", "backend.domain.crowd.trust", "backend.domain.crowd.gold")
READ = {"gold", "measurements", "measurement_states"}


@pytest.mark.parametrize("folder", REACHED)
def test_the_player_and_the_ml_backend_do_not_read_quality(folder: str) -> None:
    paths = list((BACKEND / folder).rglob("*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(KEPT_APART), (path, node.module)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                assert not (node.value.attr in ("ledger", "_ledger") and node.attr in READ), (path, node.attr)
