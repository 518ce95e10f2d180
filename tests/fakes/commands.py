"""`masklet` in the test's own process: what it prints and its exit code, without a second interpreter's start."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from backend.interfaces.cli import main


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a command."""

    code: int
    stdout: str
    stderr: str


def masklet(*arguments: str, environment: Mapping[str, str]) -> Done:
    """Run `masklet ARGUMENTS` with these variables alone, as without a terminal."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["masklet", *arguments]),
        patch.object(sys, "stdin", io.StringIO()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        else:
            code = 0
    return Done(code, out.getvalue(), err.getvalue())
