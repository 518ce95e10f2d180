"""`pytest -m gpu`, with the result of every test as a figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.gpu_steps.children import write_figure
from scripts.gpu_steps.plan import is_tiny
from scripts.gpu_steps.work import Measured

ROOT = Path(__file__).parents[3]
FOLDERS = ("tests/unit/adapters/sam2", "tests/integration/engine")
"""The folders of all tests that are marked gpu."""
COMPILED = "default or max"
"""The names of the tests that compile for minutes."""


class Results:
    """A pytest plugin that writes each test's result when it is known."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.rpartition("::")[2]
            self.found[name] = report.outcome
            write_figure(f"tests.{name}", report.outcome)


def gpu_tests(device: str, part: str = "") -> Measured:
    """Runs the tests; part: `compiled` for those that compile.

    Raises SystemExit if one fails, or is skipped on a GPU.
    """
    results = Results()
    chosen = COMPILED if part == "compiled" else f"not ({COMPILED})"
    code = pytest.main(
        ["-m", "gpu", "-k", chosen, "-p", "no:cacheprovider", "--rootdir", str(ROOT), *FOLDERS], plugins=[results]
    )
    yield f"tests.{part or 'quick'}.passed", float(sum(outcome == "passed" for outcome in results.found.values()))
    expected = {"passed", "skipped"} if is_tiny(device) else {"passed"}
    wrong = [name for name, outcome in results.found.items() if outcome not in expected]
    if code != 0 or wrong or not results.found:
        raise SystemExit(f"pytest ended with {int(code)}; not passed: {', '.join(wrong) or 'nothing was run'}")
