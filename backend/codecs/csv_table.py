"""Tables as CSV for spreadsheets: no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters with which spreadsheets take a text as a formula."""


def csv_text(rows: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> str:
    """The rows below the names of their columns. columns: the names where there are no rows.

    None is an empty cell; lists and mappings have semicolons between. A text that would be a formula begins with '.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    names = list(dict.fromkeys(key for row in rows for key in row)) or list(columns)
    writer.writerow(names)
    writer.writerows([_cell(row.get(each)) for each in names] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, Mapping):
        text = ";".join(f"{key}={each}" for key, each in value.items())
    else:
        text = ";".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
