"""The detector's checkpoint: the folder `detector` of the model folder, in transformers' format. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from backend.codecs.json_file import read_json
from backend.domain.errors import DetectorMissing, ModelError

FOLDER = "detector"
PACKAGE = "transformers"
INSTALL = "pip install transformers"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
CONFIG = "config.json"
EXAMPLES = "IDEA-Research/grounding-dino-tiny, google/owlv2-base-patch16-ensemble or facebook/sam3 of Hugging Face"


@dataclass(frozen=True, slots=True)
class Family:
    """Detectors of one architecture. least_score: below it a detection is dropped unless another limit is given."""

    name: str
    least_score: float


FAMILIES = {
    "grounding-dino": Family("Grounding DINO", 0.35),
    "mm-grounding-dino": Family("MM Grounding DINO", 0.35),
    "omdet-turbo": Family("OmDet-Turbo", 0.3),
    "owlv2": Family("OWLv2", 0.2),
    "owlvit": Family("OWL-ViT", 0.1),
    "sam3": Family("SAM 3", 0.5),
    "sam3_video": Family("SAM 3", 0.5),
}
"""By `model_type` of config.json. SAM 3's published checkpoint is of the last type, and the detector is part of it."""


@dataclass(frozen=True, slots=True)
class DetectorCheckpoint:
    """A folder with a detector that can be loaded. kind: `model_type` of its config.json."""

    folder: Path
    kind: str

    @property
    def family(self) -> Family:
        return FAMILIES[self.kind]


def find_detector(model_folder: Path) -> DetectorCheckpoint | None:
    """The detector of a model folder; None without the folder `detector`. Does not import transformers.

    Raises ModelError for a folder that is no detector's, with what is missing, and without the package transformers.
    """
    folder = model_folder / FOLDER
    if not folder.is_dir():
        return None
    config = folder / CONFIG
    if not config.is_file() or not any((folder / name).is_file() for name in WEIGHTS):
        raise ModelError(f"the folder {FOLDER} of the model folder needs {CONFIG} and {WEIGHTS[0]} of a detector")
    try:
        content = read_json(config)
    except (OSError, ValueError) as error:
        raise ModelError(f"{FOLDER}/{CONFIG} in the model folder: {error}") from error
    kind = content.get("model_type") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in FAMILIES:
        names = ", ".join(dict.fromkeys(family.name for family in FAMILIES.values()))
        raise ModelError(
            f"{FOLDER}/{CONFIG} in the model folder: model_type {str(kind)[:40]!r} is no detector that Masklet runs; "
            f"it runs {names}"
        )
    if find_spec(PACKAGE) is None:
        raise ModelError(f"the detector needs the package {PACKAGE}, which is not installed: {INSTALL}")
    return DetectorCheckpoint(folder, kind)


def require_detector(model_folder: Path) -> DetectorCheckpoint:
    """The detector of a model folder. Raises DetectorMissing where there is none, and as `find_detector`."""
    found = find_detector(model_folder)
    if found is None:
        raise DetectorMissing(
            f"there is no detector to find objects by a text: put the files of one, such as {EXAMPLES}, into the "
            f"folder {FOLDER} of the model folder"
        )
    return found
