"""The player's benchmark: its videos, its stored masks, its figures."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.media.decode import open_video
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.bootstrap.container import DataFolder
from backend.codecs.coco_rle import decode_mask
from backend.domain.jobs import JobState
from backend.domain.tasks import TaskKey
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from scripts.benchmarks.percentiles import percentile
from scripts.benchmarks.player_page.figures import GOALS, table, with_ratios
from scripts.benchmarks.player_page.measures import spread
from scripts.benchmarks.player_page.stack import PLAYER_CONFIG
from scripts.benchmarks.player_page.stored_run import StoredRun, store_run
from scripts.benchmarks.player_page.videos import COLORS, GROUP, OBJECTS, RATE, center, disc_mask, write_loop

FRAMES = 2 * GROUP + 7


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_loop(tmp_path_factory.mktemp("loop") / "discs.mp4", FRAMES)


def test_a_loop_decodes_frame_by_frame(video: Path) -> None:
    with open_video(video, ContentHash("0" * 64)) as opened:
        info = opened.info
        assert (info.frame_count, float(info.frame_rate), info.variable_rate) == (FRAMES, float(RATE), False)
        for frame in (0, GROUP - 1, GROUP, FRAMES - 1):
            picture = opened.frame(FrameIndex(frame))
            for disc, color in enumerate(COLORS):
                x, y = center(disc, frame)
                assert np.abs(picture[y, x].astype(int) - color).max() < 40


def test_stored_masks_are_those_of_the_discs(video: Path, tmp_path: Path) -> None:
    data = {"video": "/data/discs.mp4"}
    config = PLAYER_CONFIG.format(url="http://127.0.0.1", project=1, labels='<Label value="Disc 1"/>', rate=RATE)
    store_run(tmp_path, StoredRun(TaskKey(1, 2), data, config, "demo-1", "ann@example.org"), video)
    folder = DataFolder(tmp_path)
    with closing(open_ledger(folder.ledger_url, SystemClock())) as ledger:
        (job,) = ledger.jobs(task=TaskKey(1, 2))
        prompts = ledger.prompts(TaskKey(1, 2), user="ann@example.org")
    assert (job.state, job.done, set(prompts.object_ids)) == (JobState.DONE, FRAMES, set(OBJECTS))
    run = FileMaskStore(folder.masks).read(job.masks_run, FrameRange(FrameIndex(GROUP + 3), FrameIndex(GROUP + 4)))
    for disc, masklet in enumerate(run.masklets):
        (frame,) = masklet.frames
        assert (decode_mask(frame.mask) == disc_mask(disc, 3)).all()


@pytest.mark.parametrize(("share", "value"), [(0.5, 10), (0.95, 19), (1.0, 20), (0.0, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert percentile(list(range(20, 0, -1)), share) == value


def test_frames_are_spread_with_jumps() -> None:
    frames = spread(10, 300)
    assert len(set(frames)) == 10
    assert min(abs(after - before) for before, after in pairwise(frames)) > 60


def test_the_table_has_goals_and_ratios() -> None:
    figures = with_ratios({"open_ms_100": 200, "open_ms_20000": 320, "play_fps": 29.1, "play_rate_fps": 30})
    assert figures["open_20000_over_100"] == 1.6
    lines = {line.split()[0]: line for line in table(figures).splitlines()}
    assert lines["open_ms_20000"].endswith("goal ≤ 1.5 × 100 frames: not met")
    assert lines["play_fps"].endswith("goal ≥ 0.95 of the rate: met")
    assert lines["open_ms_100"].split() == ["open_ms_100", "200"]


def test_a_goal_without_its_other_figure_is_not_told() -> None:
    assert "goal" not in table({"open_ms_20000": 320})
    assert {"click_to_mask_p50_ms", "hover_p95_ms", "seek_p95_ms", "heap_mib_20000"} <= set(GOALS)
