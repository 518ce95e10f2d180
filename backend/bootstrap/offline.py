"""The parts of `masklet propagate`: a file, a model, a folder; no queue, no ledger, no Label Studio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import numpy as np

from backend.adapters.sam2.calibrators import load_calibrator
from backend.adapters.sam2.engine import load_engine
from backend.adapters.store.coco import CocoCodec
from backend.adapters.store.folder import MaskFolder, mask_folder
from backend.adapters.video.cache import file_hash
from backend.adapters.video.decode import open_video
from backend.application.offline import Offline
from backend.application.prompt_file import ReadMask, parse_prompts
from backend.bootstrap.parts import SystemClock, load_settings, model_folder
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask
from backend.domain.prompts import PromptSet


@contextmanager
def open_offline(video: Path, model: str | None) -> Iterator[Offline]:
    """The video and the model, ready to propagate. Raises MediaError or ModelError.

    The video comes first: what is wrong with it is known in milliseconds, a model takes seconds to load.
    """
    settings = load_settings(model=model)
    with open_video(video, file_hash(video)) as source:
        engine = load_engine(
            settings.model, model_dir=model_folder(settings), device=settings.device, threads=settings.threads
        )
        calibrator = load_calibrator(settings.model, model_folder(settings))
        yield Offline(source, engine, CocoCodec(), SystemClock(), calibrator=calibrator)


def mask_output(out: Path, *, overwrite: bool) -> AbstractContextManager[MaskFolder]:
    """The output folder under construction. Raises NotAllowed if it holds something already."""
    return mask_folder(out, CocoCodec(), overwrite=overwrite)


def read_prompt_file(path: Path) -> PromptSet:
    """The prompts of a file; mask images are looked for beside it. Raises PromptError naming file and fault."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PromptError(f"{path} is not JSON: {error}") from error
    try:
        return parse_prompts(document, _mask_reader(path.parent))
    except PromptError as error:
        raise PromptError(f"{path}: {error}") from error


def _mask_reader(folder: Path) -> ReadMask:
    def read(name: str) -> BoolMask:
        target = folder / name
        if not target.is_file():
            raise PromptError(f"mask {name!r} is not beside the prompt file (looked for {target})")
        picture = cv2.imdecode(np.fromfile(target, np.uint8), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise PromptError(f"mask {name!r} is not an image that can be read")
        if not picture.any():
            raise PromptError(f"mask {name!r} is empty: no pixel is above zero")
        return np.asarray(picture > 0, np.bool_)

    return read
