"""Imports of a process that runs long, without rounds of garbage collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports_for_good() -> Iterator[None]:
    """What the block imports is never looked at by the garbage collection.

    The modules of torch are 300,000 objects: rounds of the collection take a fifth of their import, and each later one
    of the oldest generation would stop a click for as long as it takes to look at them all. For the start of a process:
    what else is there when the block ends is kept, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
