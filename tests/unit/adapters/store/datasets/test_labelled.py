"""Stored masks read back as labelled videos: from a folder and from a run; and the JSON scanner."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.adapters.store.datasets import json_scan
from backend.adapters.store.datasets.json_scan import JsonScanner
from backend.adapters.store.datasets.labelled_folder import FolderSource
from backend.adapters.store.datasets.labelled_run import open_run
from backend.adapters.store.masks.store import FileMaskStore
from backend.adapters.store.objects.files import FileObjects
from backend.application.ports.datasets import DatasetVideo
from backend.codecs.coco_rle import decode_mask
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.geometry import BoolMask
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, VideoInfo
from tests.unit.adapters.formats.builders import CAT, DOG, FRAMES, LABELS, SIZE, propagated, stored, truth


def masks_of(video: DatasetVideo) -> dict[tuple[ObjectId, int], BoolMask]:
    found = {}
    for frame in video.frames():
        for shown in frame.objects:
            empty = np.zeros((SIZE.height, SIZE.width), np.bool_)
            mask = empty if shown.mask is None else decode_mask(shown.mask)
            found[shown.item.object_id, int(frame.frame_index)] = mask
    return found


def same(found: dict[tuple[ObjectId, int], BoolMask], wanted: dict[tuple[ObjectId, int], BoolMask]) -> bool:
    return found.keys() == wanted.keys() and all((found[key] == wanted[key]).all() for key in wanted)


class TestFolder:
    def test_masks_objects_and_video_are_read_back_in_order(self, tmp_path: Path) -> None:
        source = FolderSource([propagated(tmp_path / "a")])
        (entry,) = source.entries()
        with source.open(entry) as video:
            assert [(what.number, what.object_id, what.label) for what in video.objects] == [
                (1, CAT, LABELS[CAT]),
                (2, DOG, LABELS[DOG]),
            ]
            assert (video.info.size, video.info.frame_count, video.info.frame_rate) == (
                SIZE,
                FRAMES,
                Fraction(30000, 1001),
            )
            frames = list(video.frames())
            assert [frame.frame_index for frame in frames] == list(range(FRAMES))
            assert [shown.origin for shown in frames[2].objects] == [MaskOrigin.PROMPTED] * 2
            assert [shown.approved for shown in frames[4].objects] == [True, True]
            assert [len(frame.present) for frame in frames] == [1, 1, 2, 2, 2, 1, 2, 2]
            assert same(masks_of(video), truth())

    def test_each_subfolder_is_a_video(self, tmp_path: Path) -> None:
        for name in ("b/one", "b/two", "a"):
            propagated(tmp_path / "batch" / name, name=f"{Path(name).name} 1.mp4")
        entries = FolderSource([tmp_path / "batch"]).entries()
        assert [(entry.key, entry.name) for entry in entries] == [
            ("batch/a", "a 1"),
            ("batch/b/one", "one 1"),
            ("batch/b/two", "two 1"),
        ]

    def test_a_folder_without_masks_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match=r"has no masklets\.json in it; name a folder that `masklet propagate` made"):
            FolderSource([tmp_path]).entries()

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda text: text[: len(text) // 2], "is damaged"),
            (lambda text: text.replace('"frame": 4', '"frame": "4"'), "'4' is not a frame index"),
            (lambda text: text.replace('"frame": 7', '"frame": 70'), "frame 70 of a video of 8 frames"),
            (lambda text: text.replace('"size": [48, 64]', '"size": [64, 48]'), "48x64 pixels and its video 64x48"),
            (lambda text: text.replace('"counts": "', '"counts": "oooo'), "damaged"),
            (lambda text: text.replace('"origin": "human"', '"origin": "nobody"'), "nobody"),
            (lambda text: text.replace('"width": 64', '"width": 0'), "frame size must be positive"),
        ],
    )
    def test_damaged_files_are_named_and_not_decoded(self, tmp_path: Path, damage: object, message: str) -> None:
        path = propagated(tmp_path / "a") / "masklets.json"
        assert callable(damage)
        path.write_text(damage(path.read_text()))
        source = FolderSource([tmp_path / "a"])
        (entry,) = source.entries()

        def read() -> None:
            with source.open(entry) as video:
                list(video.frames())

        with pytest.raises(IntegrityError, match=message) as caught:
            read()
        assert "propagate again" in str(caught.value)


class TestRun:
    def test_a_run_is_read_back_in_frame_order(self, tmp_path: Path) -> None:
        store = FileMaskStore(tmp_path)
        info = VideoInfo(ContentHash("0" * 64), SIZE, FRAMES, Fraction(25))
        wanted = truth()
        with store.writer("p-1-a1", video=info, labels=LABELS) as writer:
            for object_id, index in [*list(wanted)[6:], *list(wanted)[:6]]:
                writer.append(object_id, stored(index, wanted[object_id, index]))
                if index == 3:
                    writer.flush()
            writer.commit()
        with open_run(store.objects, "p-1-a1", provenance={"model": "m"}) as video:
            assert [frame.frame_index for frame in video.frames()] == list(range(FRAMES))
            assert same(masks_of(video), wanted)
            assert (video.info, video.provenance["model"]) == (info, "m")
            assert len(str(video.provenance["masks_sha256"])) == 64

    def test_an_uncommitted_run_is_not_found(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound), open_run(FileObjects(tmp_path), "p-2-a1"):
            pass

    def test_a_damaged_chunk_is_named(self, tmp_path: Path) -> None:
        info = VideoInfo(ContentHash("0" * 64), SIZE, FRAMES, Fraction(25))
        with FileMaskStore(tmp_path).writer("p-3-a1", video=info, labels=LABELS) as writer:
            writer.append(CAT, stored(0, truth()[CAT, 0]))
            writer.commit()
        (chunk,) = (tmp_path / "p-3-a1").glob("*.jsonl")
        chunk.write_bytes(chunk.read_bytes().replace(b"0", b"1"))
        with (
            pytest.raises(IntegrityError, match="is damaged; run the job again"),
            open_run(FileObjects(tmp_path), "p-3-a1"),
        ):
            pass


VALUES = st.sampled_from(
    [
        1e-05,
        -0.0,
        1.5e300,
        12345678901,
        -7,
        "",
        'é "\\ \U0001f600',
        "\ud800",
        [],
        {},
        [[1, {}]],
        {"a": [1, "]"]},
        None,
        True,
    ]
)


class TestScanner:
    @given(
        st.dictionaries(st.sampled_from(["a", "é", '"', ",", "]"]), st.lists(VALUES, max_size=4)),
        st.integers(1, 40),
        st.booleans(),
        st.sampled_from([None, 2]),
    )
    def test_a_document_is_scanned_for_any_block_size_and_blanks(
        self, document: dict[str, list[object]], block: int, ascii_only: bool, indent: int | None
    ) -> None:
        body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
        before, json_scan.BLOCK = json_scan.BLOCK, block
        try:
            scanner = JsonScanner(io.BytesIO(body))
            found: dict[str, list[object]] = {}
            for name in scanner.members():
                found[name] = []
                for _ in scanner.items():
                    placed = scanner.take()
                    found[name].append(placed.value)
                    assert json.loads(body[placed.start : placed.stop]) == placed.value
        finally:
            json_scan.BLOCK = before
        assert found == document

    @pytest.mark.parametrize("text", ["", "[", "{", '{"a"', '{"a":', '{"a":[1', '{"a":[1}', '{"a":[1,]}', '{"a":nope}'])
    def test_another_document_is_refused(self, text: str) -> None:
        def walk() -> None:
            scanner = JsonScanner(io.BytesIO(text.encode()))
            for _ in scanner.members():
                for _ in scanner.items():
                    scanner.take()

        with pytest.raises(ValueError, match="at byte"):
            walk()
