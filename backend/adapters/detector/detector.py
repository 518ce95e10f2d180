"""Detectors as transformers has them, behind one port. Loads weights from safetensors alone, and no code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import BatchFeature
from transformers.utils import ModelOutput
from transformers.utils import logging as transformers_logging

from backend.adapters.detector.checkpoint import DetectorCheckpoint
from backend.domain.detections import Detection, distinct_detections
from backend.domain.errors import DeviceOutOfMemory, ModelError
from backend.domain.geometry import Box, RgbFrame

Values = NDArray[np.float32]

SAM3_TOKENS = 32
"""Fixed in its processor."""

LEAST_SIDE_REL = 1e-3
"""A box that is narrower, after it is cut to the picture, is dropped."""


class TransformersDetector:
    """The Detector port."""

    def __init__(self, checkpoint: DetectorCheckpoint, device: torch.device) -> None:
        """Loads a checkpoint onto a device, which takes seconds. Raises ModelError or DeviceOutOfMemory."""
        self.checkpoint = checkpoint
        self._device = device
        with _quiet(), _telling(checkpoint), _telling_exhaustion(device):
            self._processor, model = _loaded(checkpoint)
            self._model: Any = model.to(device).eval()

    def detect(self, picture: RgbFrame, text: str, *, least_score: float | None = None) -> tuple[Detection, ...]:
        """See the port. The model sees one text a call: several in one call change each other's scores."""
        least = self.checkpoint.family.least_score if least_score is None else least_score
        height, width = picture.shape[:2]
        with torch.inference_mode(), _telling_exhaustion(self._device):
            inputs = self._processor(images=picture, text=self._worded(text), return_tensors="pt").to(self._device)
            outputs = self._model(**inputs)
            found = self._boxes(outputs, inputs, text, least=least, size=(height, width))
            scores = found["scores"].float().cpu().numpy()
            boxes = found["boxes"].float().cpu().numpy() / np.array([width, height, width, height])
        return distinct_detections(_detections(boxes, scores))

    def _worded(self, text: str) -> str | list[list[str]]:
        """The text as the model was trained to read it, cut to the tokens that it reads: more are an error."""
        if self._is_dino:
            text = text.replace(".", " ").lower()  # a dot ends a phrase
        elif self.checkpoint.kind.startswith("owl"):
            text = f"a photo of {text}"
        while len(self._processor.tokenizer(text)["input_ids"]) > self._most_tokens:
            text = text[:-1]
        return text if self._is_sam3 else [[text]]

    @property
    def _most_tokens(self) -> int:
        config = self._model.config
        if self._is_dino:
            return int(config.max_text_len) - 1  # less the dot that its processor adds
        return SAM3_TOKENS if self._is_sam3 else int(config.text_config.max_position_embeddings)

    def _boxes(
        self, outputs: ModelOutput, inputs: BatchFeature, text: str, *, least: float, size: tuple[int, int]
    ) -> dict[str, torch.Tensor]:
        """`scores` [n] and `boxes` [n, 4] x0, y0, x1, y1 in pixels of the picture. size: height and width."""
        sizes = [size]
        processor = self._processor
        if self._is_sam3:
            read = processor.post_process_object_detection(outputs, least, sizes)
        elif self._is_dino:
            read = processor.post_process_grounded_object_detection(
                outputs, inputs["input_ids"], threshold=least, text_threshold=least, target_sizes=sizes
            )
        elif self.checkpoint.kind == "omdet-turbo":
            read = processor.post_process_grounded_object_detection(
                outputs, text_labels=[[text]], threshold=least, target_sizes=sizes
            )
        else:
            read = processor.post_process_grounded_object_detection(outputs, threshold=least, target_sizes=sizes)
        return {name: read[0][name] for name in ("scores", "boxes")}

    @property
    def _is_dino(self) -> bool:
        return self.checkpoint.kind.endswith("grounding-dino")

    @property
    def _is_sam3(self) -> bool:
        return self.checkpoint.kind.startswith("sam3")


def _loaded(checkpoint: DetectorCheckpoint) -> tuple[Any, Any]:
    """The processor and the model of a folder, without a network."""
    if checkpoint.kind.startswith("sam3"):
        processor, model = transformers.Sam3Processor, transformers.Sam3Model
    else:
        processor, model = transformers.AutoProcessor, transformers.AutoModelForZeroShotObjectDetection
    where = {"local_files_only": True, "trust_remote_code": False}
    return (
        processor.from_pretrained(checkpoint.folder, **where),
        model.from_pretrained(checkpoint.folder, use_safetensors=True, dtype=torch.float32, **where),
    )


def _detections(boxes: Values, scores: Values) -> Iterator[Detection]:
    """boxes: [n, 4] relative, perhaps beyond the picture. scores: [n]."""
    for box, score in zip(np.clip(np.nan_to_num(boxes), 0.0, 1.0), scores, strict=True):
        x0, y0, x1, y1 = (float(value) for value in box)
        if min(x1 - x0, y1 - y0) >= LEAST_SIDE_REL and np.isfinite(score):
            yield Detection(Box(x0, y0, x1, y1), round(float(score), 4))


@contextmanager
def _telling(checkpoint: DetectorCheckpoint) -> Iterator[None]:
    """Raises ModelError, with the detector's family, in the place of what reading damaged or missing files raises."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, SafetensorError) as error:
        first_line = str(error).strip().split("\n")[0][:200]
        raise ModelError(f"the detector, {checkpoint.family.name}, cannot be loaded: {first_line}") from error


@contextmanager
def _telling_exhaustion(device: torch.device) -> Iterator[None]:
    """Raises DeviceOutOfMemory in the place of torch's error."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise DeviceOutOfMemory(
            f"the memory of {device} did not suffice for the detector: use a smaller one"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' bars and advice: a worker's log has neither."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
        transformers_logging.enable_progress_bar()
