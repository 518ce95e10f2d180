"""Masks in an S3-compatible store over a real socket: writers that fence each other, reading, the cache."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from backend.adapters.store.masks.store import ObjectMaskStore
from backend.adapters.store.objects.shared import SharedStore
from backend.application.player.submitted_masks import store_once
from backend.application.ports.masks import RunExists
from backend.application.ports.measuring.measures import MASK_CACHE, measures
from backend.codecs.file_cache import FileCache
from backend.domain.errors import (
    IntegrityError,
    NotFound,
)
from backend.domain.masklets import Masklet, MaskRun
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.servers.object_store import (
    FaultyServer,
)
from tests.integration.store.builders import CAT, LABELS, VIDEO, frame, indices, write


class TestWriters:
    def test_of_two_writers_the_first_commit_makes_the_run(self, store: ObjectMaskStore) -> None:
        with store.writer("run", video=VIDEO, labels=LABELS) as old:
            old.append(CAT, frame(1))
            old.flush()
            with store.writer("run", video=VIDEO, labels={CAT: "Kater"}) as new:
                new.append(CAT, frame(2))
                new.flush()
                old.append(CAT, frame(3))
                old.flush()
                seen = store.partial("run")
                assert seen is not None
                assert [each.frame_index for each in seen.masklets[0].frames] == [2]
                new.commit()
            with pytest.raises(ValueError, match="committed already; a run is written once"):
                old.commit()
        assert indices(store) == [2]
        assert store.read("run").masklets[0].label == "Kater"
        names = store.objects.names("run")
        assert len(names) == 3, "header, chunk and manifest of the one that counts"

    def test_the_older_writer_may_be_first(self, store: ObjectMaskStore) -> None:
        with store.writer("run", video=VIDEO, labels=LABELS) as old:
            old.append(CAT, frame(1))
            with store.writer("run", video=VIDEO, labels={CAT: "Kater"}) as new:
                new.append(CAT, frame(2))
                new.flush()
                old.commit()
                with pytest.raises(ValueError, match="committed already"):
                    new.commit()
        assert indices(store) == [1]
        assert store.read("run").masklets[0].label == "Cat"

    def test_the_same_masks_stored_by_two_machines_are_one_run(
        self, store: ObjectMaskStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        masks = MaskRun(VIDEO, (Masklet(CAT, "Cat", (frame(0),)),))
        name = store_once(store, masks, prefix="m-", owner="ann")
        store.remove(name)
        with store.writer(name, video=VIDEO, labels=LABELS) as other:
            other.append(CAT, frame(0))
            other.flush()
            assert store_once(store, masks, prefix="m-", owner="ann") == name
            with pytest.raises(RunExists):
                other.commit()
        assert store.read(name) == masks

        def too_early(run: str, frames: FrameRange | None = None) -> MaskRun:
            raise NotFound(run)

        with monkeypatch.context() as patched:
            patched.setattr(store, "read", too_early)
            assert store_once(store, masks, prefix="m-", owner="ann") == name
        assert store.read(name) == masks

    def test_a_race_of_commits_has_one_winner(self, store: ObjectMaskStore) -> None:
        won: list[int] = []
        together = threading.Barrier(8)

        def compete(number: int) -> None:
            with store.writer("run", video=VIDEO, labels=LABELS) as writer:
                writer.append(CAT, frame(number))
                writer.flush()
                together.wait()
                try:
                    writer.commit()
                except ValueError:
                    return
                won.append(number)

        threads = [threading.Thread(target=compete, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert indices(store) == won

    def test_a_killed_writers_objects_go_with_the_next_commit(self, store: ObjectMaskStore) -> None:
        killed = store.writer("run", video=VIDEO, labels=LABELS)
        killed.__enter__().flush()
        write(store, frames=70)
        assert len(store.objects.names("run")) == 4
        assert indices(store) == list(range(70))
        del killed

    def test_what_nobody_wrote_to_for_long_is_swept(self, store: ObjectMaskStore) -> None:
        write(store, "done", 1)
        killed = store.writer("open", video=VIDEO, labels=LABELS)
        killed.__enter__().flush()
        now_s = time.time()
        assert store.sweep(3600.0) == ()
        assert store.idle_runs(now_s - 3600.0) == ()
        assert store.idle_runs(now_s + 3600.0) == ("done", "open")
        assert store.sweep(-3600.0) == ("open",)
        assert store.runs() == ("done",)
        del killed


class TestReading:
    def test_few_frames_read_few_objects(self, store: ObjectMaskStore, server: FaultyServer) -> None:
        write(store, frames=400)
        server.seen.clear()
        kept = store.read("run", FrameRange(FrameIndex(70), FrameIndex(72)))
        assert [each.frame_index for each in kept.masklets[0].frames] == [70, 71]
        assert [path.rpartition("/")[2].partition("_")[0] for _, path in server.seen] == [
            "manifest.json",
            "header",
            "000001",
        ]

    def test_a_cached_chunk_is_read_once(self, shared: SharedStore, server: FaultyServer, tmp_path: Path) -> None:
        store = ObjectMaskStore(shared.objects("masks", FileCache(tmp_path / "cache", 2**20)))
        write(store)
        hits, misses = measures().lookups.get(MASK_CACHE, (0, 0))
        first = store.read("run")
        read = measures().lookups[MASK_CACHE][1] - misses
        server.seen.clear()
        assert store.read("run") == first
        assert measures().lookups[MASK_CACHE] == (hits + read, misses + read)
        assert [path.rpartition("/")[2] for _, path in server.seen] == ["manifest.json"]
        for path in (tmp_path / "cache" / "run").iterdir():
            path.write_bytes(path.read_bytes()[:-1])
        assert store.read("run") == first, "a damaged copy counts as none"

    def test_the_cache_keeps_its_bound(self, shared: SharedStore, tmp_path: Path) -> None:
        cache = FileCache(tmp_path / "cache", 60_000)
        store = ObjectMaskStore(shared.objects("masks", cache))
        for number in range(6):
            write(store, f"run-{number}")
            store.read(f"run-{number}")
        cache.sweep()
        kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
        assert 0 < sum(path.stat().st_size for path in kept) <= 60_000
        assert (tmp_path / "cache" / "run-5").is_dir()
        assert not (tmp_path / "cache" / "run-0").exists()

    def test_a_damaged_chunk_is_told(self, store: ObjectMaskStore, folder: Path) -> None:
        write(store)
        for path in folder.rglob("000001_*.jsonl"):
            path.write_bytes(b"{}\n")
        with pytest.raises(IntegrityError, match="is damaged; run the job again"):
            store.read("run")
