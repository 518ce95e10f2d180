"""The engine benchmark's arithmetic: statistics, goals, the panning video, the choice of figures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.domain.geometry import FrameSize
from backend.domain.video import FrameIndex
from scripts.benchmarks.engine import FIGURES, chosen, named
from scripts.benchmarks.engine_figures import cuda
from scripts.benchmarks.engine_figures.goals import GOALS, markdown
from scripts.benchmarks.engine_figures.interrupted import last_snapshot, save_snapshot
from scripts.benchmarks.engine_figures.measuring import PairedTimes, paired_times, shares, slope
from scripts.benchmarks.engine_figures.panning import TRAVEL, PanningVideo
from scripts.benchmarks.engine_figures.parity import compared
from scripts.benchmarks.engine_figures.setup import Setup
from scripts.benchmarks.percentiles import percentile

SIZE = FrameSize(48, 32)


class TestPercentile:
    @pytest.mark.parametrize(
        ("share", "expected"), [(0.0, 1.0), (0.05, 1.0), (0.5, 10.0), (0.95, 19.0), (0.951, 20.0), (1.0, 20.0)]
    )
    def test_nearest_rank_of_one_to_twenty(self, share: float, expected: float) -> None:
        assert percentile([float(value) for value in range(20, 0, -1)], share) == expected

    def test_of_no_values(self) -> None:
        with pytest.raises(ValueError, match="a percentile needs at least one value"):
            percentile([], 0.5)


class TestSlope:
    def test_of_a_line(self) -> None:
        assert slope([(200, 10.0), (300, 12.0), (700, 20.0)]) == pytest.approx(0.02)

    def test_is_the_best_fit_through_noise(self) -> None:
        assert slope([(0, 0), (1, 2), (2, 1), (3, 3)]) == pytest.approx(0.8)

    def test_needs_two_distinct_x(self) -> None:
        with pytest.raises(ValueError, match="two distinct x"):
            slope([(1, 1), (1, 2)])


class TestPairedTimes:
    def test_sides_alternate(self) -> None:
        run: list[str] = []
        result = paired_times(lambda: run.append("ours"), lambda: run.append("theirs"), repeats=3)
        assert run == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
        assert (len(result.ours), len(result.theirs)) == (3, 3)

    def test_ratio_of_the_best_times(self) -> None:
        assert PairedTimes([2.0, 4.0], [9.0, 6.0]).ratio == 3.0


def test_shares_add_up() -> None:
    assert shares({"a": 1.0, "b": 3.0}) == {"a": 0.25, "b": 0.75}
    assert shares({"a": 0.0}) == {"a": 0.0}


class TestGoals:
    def test_the_promised_keys(self) -> None:
        assert [goal.key for goal in GOALS if goal.key != "memory.device_mib_per_frame"] == [
            "parity.iou_min",
            "parity.logit_max",
            "memory.host_mib_per_frame",
            "speed.one_object",
            "speed.five_objects",
            "precision.frame_1_over_upstream_float32",
            "speed.refine",
            "speed.first_mask_long_over_short",
            "resume.kills",
            "resume.identical",
            "interactive.p95_over_frame",
        ]

    @pytest.mark.parametrize(
        ("key", "value", "row"),
        [
            ("speed.one_object", 1.1, "≥ 1.1 | 1.10 | yes |"),
            ("speed.one_object", 1.09, "≥ 1.1 | 1.09 | no |"),
            ("parity.logit_max", 0.001, "≤ 0.001 | 0.001 | yes |"),
            ("parity.logit_max", 0.0011, "≤ 0.001 | 0.0011 | no |"),
            ("resume.identical", 0.0, "≥ 1 | 0 | no |"),
        ],
    )
    def test_a_row_says_whether_the_goal_is_met(self, key: str, value: float, row: str) -> None:
        (_, _, found) = markdown({key: value})
        assert found.endswith(row)

    def test_shares_are_a_table_of_their_own(self) -> None:
        rows = markdown({"share.one_object.memory_encoder": 0.25, "share.five_objects.memory_encoder": 0.5})
        assert rows[-1] == "| memory encoder | 25% | 50% |"


class TestPanning:
    def test_every_frame_on_the_way_differs_from_its_neighbour(self) -> None:
        video = PanningVideo(20, SIZE)
        frames = [video.frame(FrameIndex(index)) for index in range(20)]
        assert all(not np.array_equal(one, other) for one, other in pairwise(frames))
        assert video.read == list(range(20))

    def test_the_pan_reverses(self) -> None:
        video = PanningVideo(100_000, SIZE)
        assert np.array_equal(video.frame(FrameIndex(TRAVEL)), video.frame(FrameIndex(TRAVEL - 1)))
        assert np.array_equal(video.frame(FrameIndex(2 * TRAVEL - 1)), video.frame(FrameIndex(0)))
        assert video.frame(FrameIndex(99_999)).shape == (32, 48, 3)


class TestCompared:
    def test_the_worst_frame_counts(self) -> None:
        theirs = {"a": {0: np.array([[1.0, -1.0]], np.float32), 1: np.array([[1.0, 1.0]], np.float32)}}
        ours = {"a": {0: np.array([[1.0, -1.0]], np.float32), 1: np.array([[1.5, -1.0]], np.float32)}}
        found = compared(ours, theirs)
        assert (found.iou_min, found.logit_max, found.masks, found.areas) == (0.5, 2.0, 2, 2)
        assert not found.holds

    def test_a_missing_frame_is_an_error(self) -> None:
        mask = np.zeros((1, 1), np.float32)
        with pytest.raises(ValueError, match=r"ours has \{'a': \[0\]\}, upstream \{'a': \[0, 1\]\}"):
            compared({"a": {0: mask}}, {"a": {0: mask, 1: mask}})


class TestChoice:
    def test_all_figures_but_cuda_on_a_cpu(self) -> None:
        assert chosen("", torch.device("cpu")) == [name for name in FIGURES if name != "cuda"]
        assert chosen("", torch.device("cuda")) == list(FIGURES)

    def test_named_figures(self) -> None:
        assert chosen("memory, refine", torch.device("cpu")) == ["memory", "refine"]

    def test_unknown_name(self) -> None:
        with pytest.raises(SystemExit, match="there is no figure 'sped'; choose from parity, speed"):
            chosen("sped", torch.device("cpu"))

    def test_parts_of_the_cuda_table(self) -> None:
        assert (named("", "model", cuda.MODELS), named("tiny, large", "model", cuda.MODELS)) == (
            None,
            ("tiny", "large"),
        )
        with pytest.raises(SystemExit, match="there is no model 'huge'; choose from tiny, small, base_plus, large"):
            named("tiny,huge", "model", cuda.MODELS)
        device = torch.device("cuda")
        whole, some = (cuda.wanted_table(Setup(device, models=models)) for models in (None, ("tiny",)))
        assert (whole.models, whole.variants) == (cuda.MODELS, ("graphs", "default", "max"))
        assert (some.models, some.variants, some.frames) == (("tiny",), whole.variants, whole.frames)
        quick = cuda.wanted_table(Setup(device, quick=True, ways=("max",)))
        assert (quick.models, quick.variants, quick.frames, quick.compiled) == (cuda.MODELS, ("max",), 20, False)


def test_a_snapshot_is_kept_with_the_length_it_belongs_to(tmp_path: Path) -> None:
    assert last_snapshot(tmp_path) == (0, None)
    save_snapshot(tmp_path, 70_000, b"state")
    save_snapshot(tmp_path, 80_000, b"later")
    assert last_snapshot(tmp_path) == (80_000, b"later")
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]
