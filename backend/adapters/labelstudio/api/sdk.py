"""The import of Label Studio's SDK, without two packages that only calls need which Masklet does not make.

pandas makes tables of exports, jsf makes up tasks. Together they take half of the import's time, and 40 MiB of each
process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

UNUSED = ("pandas", "jsf")


class _StandIn(ModuleType):
    """A module whose names can be written in a signature; using one raises ImportError."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        module = self.__name__

        def refuse(*_: object, **__: object) -> None:
            raise ImportError(f"{module} is not imported in a process of Masklet; call the SDK in one of your own")

        return type(name, (), {"__new__": refuse})


@cache
def load_sdk() -> None:
    """Imports the SDK, which takes a second or more; does nothing if it was imported before."""
    with _without_unused():
        import label_studio_sdk.client  # noqa: F401


@contextmanager
def _without_unused() -> Iterator[None]:
    """Packages that were imported before stay; who imports one afterwards gets the real one."""
    put = {name: _StandIn(name) for name in UNUSED if name not in sys.modules}
    sys.modules.update(put)
    try:
        yield
    finally:
        for name, module in put.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
