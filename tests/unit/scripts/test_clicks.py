"""The figures of the benchmark of clicks a second."""

from __future__ import annotations

import pytest

from scripts.benchmarks.clicks import Answers, figures


def test_figures() -> None:
    answers = Answers()
    for seconds in (0.1, 0.2, 0.3, 0.4):
        answers.take(200, b'{"results":[{"result":[{"value":{"rle":[1,2]}}]}]}', seconds)
    answers.take(200, b'{"results":[{"result":[]}]}', 0.1)
    answers.take(503, b'{"title":"busy"}', 0.1)
    assert figures(answers, 2.0, {"web": 0.1, "workers": 0.2}) == {
        "clicks_per_s": 2.0,
        "click_p50_ms": 200,
        "click_p95_ms": 400,
        "without_mask": 2,
        "without_mask_by_status": {"200": 1, "503": 1},
        "cpu_ms_web": 25.0,
        "cpu_ms_workers": 50.0,
    }


def test_without_a_mask_there_are_no_figures() -> None:
    answers = Answers()
    answers.take(502, b"", 0.1)
    with pytest.raises(SystemExit, match=r"no answer had a mask: \{502: 1\}"):
        figures(answers, 1.0, {})
