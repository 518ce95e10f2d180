"""The import records: entries are read back in order, also by other processes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from backend.adapters.media.import_records import ImportRecords
from backend.application.imports.model import BatchItem, ItemState, Outcome, SourceMedia, SourceMediaKind
from backend.domain.errors import NotFound, ServiceUnavailable
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash

MEDIUM = SourceMedia(
    ContentHash("ab" * 32), SourceMediaKind.IMAGES, Path("/x ü/y"), "y", FrameSize(6, 4), 2, Fraction(30000, 1001),
    "1-2",
    ("a.png", "b.png"), (143, 150),
)  # fmt: skip


@pytest.fixture
def records(tmp_path: Path) -> ImportRecords:
    return ImportRecords(tmp_path / "batches.sqlite")


def test_a_medium_reads_back_whole_by_id_and_by_file(records: ImportRecords, tmp_path: Path) -> None:
    records.put_medium(MEDIUM)
    again = ImportRecords(tmp_path / "batches.sqlite")
    assert again.medium(MEDIUM.media_id) == MEDIUM
    assert again.medium_at(Path("/x ü/y"), "1-2") == MEDIUM
    assert again.medium_at(Path("/x ü/y"), "1-3") is None
    with pytest.raises(NotFound, match="import its file again"):
        again.medium("no")


def test_a_file_whose_name_is_no_utf_8_is_recorded(records: ImportRecords) -> None:
    path = Path("/videos/Caf\udce9.mp4")
    records.put_medium(replace(MEDIUM, path=path))
    records.put_alias(Path("/videos/copy of Caf\udce9.mp4"), "1-2", MEDIUM.media_id)
    for name in ("Caf\udce9.mp4", "copy of Caf\udce9.mp4"):
        found = records.medium_at(Path("/videos") / name, "1-2")
        assert found is not None
        assert found.path == path
    records.fail(1, Outcome("Caf?.mp4", ItemState.FAILED, reason="Caf\udce9.mp4 is empty"))
    ((_, failed),) = records.failures(1)
    assert failed.reason == r"Caf\xe9.mp4 is empty"


def test_items_are_in_the_order_of_names_and_segments(records: ImportRecords) -> None:
    items = [BatchItem(1, f"k-{n:05d}", 10 + n, "a [1/2]" if n else "b", "m", number=n) for n in range(3)]
    other = BatchItem(2, "k-00000", 99, "c", "m", carry=True, certainty=0.25)
    records.put([*items, other])
    records.put([replace(items[0], prompted=True)])
    assert [(i.name, i.number) for i in records.items(1)] == [("a [1/2]", 1), ("a [1/2]", 2), ("b", 0)]
    assert records.items(2) == (other,)
    assert [i.prompted for i in records.items() if i.name == "b"] == [True]


def test_a_fault_is_deleted_when_the_source_is_read_again(records: ImportRecords) -> None:
    records.fail(1, Outcome("clip.mp4", ItemState.FAILED, reason="MediaError: no"))
    records.fail(1, Outcome("other.mp4", ItemState.FAILED, reason="MediaError: no"))
    assert [o.source for _, o in records.failures(1)] == ["clip.mp4", "other.mp4"]
    records.clear_failure(1, "clip.mp4")
    records.clear_failure(2, "other.mp4")
    assert [(p, o.source) for p, o in records.failures()] == [(1, "other.mp4")]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="record of imports"):
        ImportRecords(tmp_path / "none" / "batches.sqlite")
