"""Exports that leads start: packed whole, one at a time, with the reason of a failure."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.domain.errors import NotFound, NotYet
from backend.interfaces.http.lead.export_orders import ExportOrder
from backend.interfaces.http.lead.export_runs import KEPT, ExportRuns

ORDER = ExportOrder(7, (41, 42), "coco", "all", "predictions", "newest")
WRITES = """
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
(out / "sub").mkdir(parents=True)
(out / "sub" / "a.json").write_text(" ".join(sys.argv[1:4]))
print("2 masks are written.", file=sys.stderr)
"""
FAILS = "import sys; sys.exit('masklet: task 41 has no labels')"


def at_once(work: Callable[[], None]) -> None:
    work()


def runs(root: Path, program: str, run: Callable[[Callable[[], None]], None] = at_once) -> ExportRuns:
    return ExportRuns(root / "exports", masklet=(sys.executable, "-c", program), run=run)


def test_what_the_command_wrote_is_packed(tmp_path: Path) -> None:
    exports = runs(tmp_path, WRITES)
    done = exports.start(ORDER)
    assert (done.state, done.detail) == ("done", "2 masks are written.")
    assert done.archive is not None
    with zipfile.ZipFile(done.archive) as archive:
        assert archive.read("sub/a.json") == b"export project:7/41,42 --format"
    assert sorted(path.name for path in done.archive.parent.iterdir()) == ["export.zip", "log.txt", "order.json"]
    assert done.order.command.startswith(
        "masklet export project:7/41,42 --format coco --verdict all --from predictions"
    )
    assert exports.all(8) == ()
    exports.remove(7, done.name)
    with pytest.raises(NotFound, match="project 7 has no export '000001'"):
        exports.read(7, done.name)


def test_a_failure_has_the_commands_own_sentence(tmp_path: Path) -> None:
    failed = runs(tmp_path, FAILS).start(ORDER)
    assert (failed.state, failed.detail, failed.archive) == ("failed", "task 41 has no labels", None)


def test_one_export_runs_at_a_time_and_an_interrupted_one_says_so(tmp_path: Path) -> None:
    exports = runs(tmp_path, WRITES, run=lambda _: None)  # as if its process was killed
    assert exports.start(ORDER).state == "running"
    with pytest.raises(NotYet, match="Another export runs"):
        exports.start(ORDER)
    (interrupted,) = runs(tmp_path, WRITES).all(7)
    assert (interrupted.state, "start it again" in interrupted.detail) == ("failed", True)


def test_the_newest_exports_are_kept(tmp_path: Path) -> None:
    exports = runs(tmp_path, "import sys; sys.exit('no')")
    for _ in range(KEPT):
        (tmp_path / "exports").mkdir(exist_ok=True)
        number = len(list((tmp_path / "exports").iterdir())) + 1
        (tmp_path / "exports" / f"{number:06d}").mkdir()
    newest = exports.start(ORDER)
    assert newest.name == f"{KEPT + 1:06d}"
    assert len(list((tmp_path / "exports").iterdir())) == KEPT
