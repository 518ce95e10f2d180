"""The report of a training: complete, self-contained, and safe with any name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from backend.adapters.report.training_page import training_page
from backend.domain.training.rows import LeftOutVideo, Training, TrainingRequest, TrainingState, UsedLabels, UsedVideo
from tests.fakes.trainings import ID, result

LABELS = UsedLabels(
    (UsedVideo(41, "<b>cat</b>.mp4", 3, 2, ("ann@example.org",), ("bea@example.org",)),),
    (LeftOutVideo(42, "dog.mp4", "it is gone"),),
)
TRAINING = Training(ID, TrainingRequest(7, user="lead@example.org"), TrainingState.DONE, 1, base="tiny", labels=LABELS)


def test_the_page_has_figures_curves_pictures_and_labels(tmp_path: Path) -> None:
    pair = (tmp_path / "01-before.jpg", tmp_path / "01-after.jpg")
    for path in pair:
        path.write_bytes(b"a JPEG file")
    page = training_page(TRAINING, result(), [pair])
    for text in (
        "Training p7-3f9a1c of project 7",
        "Checkpoint <b>p7-3f9a1c</b> is offered",
        "<b>+0.110</b>, 95 % interval +0.040 to +0.180",
        "<td>calibration error of the uncertainty</td><td>–</td><td>0.050</td>",
        "&lt;b&gt;cat&lt;/b&gt;.mp4",
        "ann@example.org, bea@example.org",
        "task 42, dog.mp4: it is gone",
        "Asked for by lead@example.org",
    ):
        assert text in page
    assert page.count("<svg") == 2
    assert page.count("data:image/jpeg;base64,") == 2
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert "<script" not in page


def test_a_training_without_a_gain_says_so() -> None:
    page = training_page(TRAINING, replace(result(better=False), curve=()), [])
    assert "Not better beyond doubt" in page
    assert "No checkpoint is offered" in page
    assert "<svg" not in page
