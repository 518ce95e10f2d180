"""Reading of small JSON files that other programs or people wrote."""

from __future__ import annotations

import json
from pathlib import Path

MOST_BYTES = 2**20


def read_json(path: Path) -> object:
    """The content of a file in UTF-8. Raises OSError, and ValueError for a larger file or one that is not JSON."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError("it is too large")
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError("it cannot be read as JSON") from error
    return content
