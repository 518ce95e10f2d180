"""Prompt files on disk, and the mask images beside them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from backend.application.annotation.prompt_file import ReadMask, parse_prompts
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask
from backend.domain.prompts import PromptSet


def read_prompt_file(path: Path) -> PromptSet:
    """The prompts of a file; mask images lie beside it. Raises PromptError naming file and fault."""
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
