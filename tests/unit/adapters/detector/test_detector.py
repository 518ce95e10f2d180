"""Detectors behind the port, with seeded random weights: the boxes and scores that transformers gives for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.adapters.detector.checkpoint import DetectorCheckpoint, require_detector
from backend.adapters.detector.detector import TransformersDetector
from backend.domain.detections import Detection
from backend.domain.errors import DeviceOutOfMemory, ModelError
from backend.domain.geometry import RgbFrame, box_iou, box_of_mask
from scripts.demonstration.demo_clip import demo_clip
from tests.unit.adapters.detector.builders import BUILDERS, Built, small_detector

CPU = torch.device("cpu")
WIDTH, HEIGHT = 100, 60
TRAINED = Path(__file__).parents[3] / "data"
"""The model folder of the detector that knows the demo's clip: tests/data/detector/train.py."""


def noise() -> RgbFrame:
    """[60, 100, 3]"""
    return np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


def raw_of(kind: str, built: Built, text: str) -> tuple[list[float], list[list[float]]]:
    """Scores and boxes, relative and cut to the picture, of a family's own model, without its processor's reading."""
    model, processor = built
    given = {"owl": [[f"a photo of {text}"]], "sam": text}.get(kind[:3], f"{text}." if "dino" in kind else [[text]])
    inputs = processor(images=noise(), text=given, return_tensors="pt")
    with torch.inference_mode():
        made = model(**inputs)
    if kind.startswith("sam3"):
        scores = made.pred_logits.sigmoid() * made.presence_logits.sigmoid()
        corners = made.pred_boxes[0]
    elif kind == "omdet-turbo":
        scores, corners = made.decoder_class_logits.sigmoid().flatten(1), corners_of(made.decoder_coord_logits[0])
    else:
        scores, corners = made.logits.sigmoid().amax(-1), corners_of(made.pred_boxes[0])
    # OWLv2 sees the picture on a square that is as wide as the picture.
    scale = torch.tensor([1.0, WIDTH / HEIGHT, 1.0, WIDTH / HEIGHT]) if kind == "owlv2" else torch.ones(4)
    return scores[0].tolist(), (corners * scale).clamp(0, 1).tolist()


def corners_of(boxes: torch.Tensor) -> torch.Tensor:
    """x0, y0, x1, y1 of [n, 4] cx, cy, w, h."""
    centres, sides = boxes[:, :2], boxes[:, 2:]
    return torch.cat([centres - sides / 2, centres + sides / 2], -1)


@pytest.mark.parametrize("kind", BUILDERS)
def test_boxes_and_scores_are_those_of_transformers_own_model(tmp_path: Path, kind: str) -> None:
    checkpoint, built = small_detector(tmp_path, kind)
    found = TransformersDetector(checkpoint, CPU).detect(noise(), "red car", least_score=0.0)
    scores, boxes = raw_of(kind, built, "red car")
    assert found
    for each in found:
        box = [each.box.x0_rel, each.box.y0_rel, each.box.x1_rel, each.box.y1_rel]
        alike = [number for number, other in enumerate(boxes) if np.allclose(box, other, atol=1e-4)]
        assert any(abs(scores[number] - each.score) < 1e-3 for number in alike), (each, alike)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize("kind", BUILDERS)
def test_what_scores_less_than_the_limit_is_left_out(tmp_path: Path, kind: str) -> None:
    detector = TransformersDetector(small_detector(tmp_path, kind)[0], CPU)
    every = detector.detect(noise(), "red car", least_score=0.0)
    assert detector.detect(noise(), "red car", least_score=1.0) == ()
    least = every[0].score - 1e-3
    assert every[0] in detector.detect(noise(), "red car", least_score=least)
    usual = detector.checkpoint.family.least_score
    assert detector.detect(noise(), "red car") == detector.detect(noise(), "red car", least_score=usual)


@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize(
    "text", ["very " * 19 + "car", "Dr. No. 5.", "rotes Auto, groß", "赤い車" * 33, "<|endoftext|>"], ids=str
)
def test_any_text_is_taken(tmp_path: Path, kind: str, text: str) -> None:
    assert isinstance(TransformersDetector(small_detector(tmp_path, kind)[0], CPU).detect(noise(), text), tuple)


def test_a_published_sam3_has_the_detector_among_its_parts(tmp_path: Path) -> None:
    """facebook/sam3 is saved as the model of videos; the tracker beside the detector is left out."""
    import transformers

    checkpoint, (model, _) = small_detector(tmp_path, "sam3")
    before = TransformersDetector(checkpoint, CPU).detect(noise(), "red car", least_score=0.0)
    config = transformers.Sam3VideoConfig(detector_config=model.config.to_dict())
    state = {f"detector_model.{name}": value for name, value in model.state_dict().items()}
    model.save_pretrained(checkpoint.folder, state_dict=state)
    config.save_pretrained(checkpoint.folder)
    published = require_detector(tmp_path)
    assert published.kind == "sam3_video"
    assert TransformersDetector(published, CPU).detect(noise(), "red car", least_score=0.0) == before


def test_damaged_and_missing_files_are_told(tmp_path: Path) -> None:
    checkpoint, _ = small_detector(tmp_path, "owlv2")
    weights = checkpoint.folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="^the detector, OWLv2, cannot be loaded: "):
        TransformersDetector(checkpoint, CPU)
    (checkpoint.folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="^the detector, OWLv2, cannot be loaded: "):
        TransformersDetector(checkpoint, CPU)


def test_weights_that_are_pickled_are_not_read(tmp_path: Path) -> None:
    checkpoint, (model, _) = small_detector(tmp_path, "owlv2")
    torch.save(model.state_dict(), checkpoint.folder / "pytorch_model.bin")
    (checkpoint.folder / "model.safetensors").unlink()
    with pytest.raises(ModelError):
        TransformersDetector(DetectorCheckpoint(checkpoint.folder, "owlv2"), CPU)


def test_too_little_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = TransformersDetector(small_detector(tmp_path, "owlv2")[0], CPU)

    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("transformers.Owlv2ForObjectDetection.forward", exhausted)
    with pytest.raises(DeviceOutOfMemory, match="the memory of cpu did not suffice for the detector"):
        detector.detect(noise(), "red car")


def test_a_trained_detector_finds_each_object_by_its_text() -> None:
    detector, clip = TransformersDetector(require_detector(TRAINED), CPU), demo_clip()
    for frame in (0, 20, 60):
        for number, text in enumerate(clip.names):
            (found,) = detector.detect(clip.frames[frame], text)
            assert isinstance(found, Detection)
            assert box_iou(found.box, box_of_mask(clip.masks[frame][number])) > 0.8
        assert detector.detect(clip.frames[frame], "dog") == ()
