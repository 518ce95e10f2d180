"""Wiring of the detector, which finds objects by a text. Loads neither torch nor transformers before it is needed."""

from __future__ import annotations

from backend.adapters.detector.checkpoint import FOLDER, find_detector, require_detector
from backend.application.ports.requests.detection import Detector
from backend.bootstrap.container import Container
from backend.bootstrap.finding import Finding, Verdict


def load_detector(container: Container, *, shares_cores: bool) -> Detector:
    """The detector of the model folder, on the engine's device. shares_cores: as for the engine.

    Raises ModelError, with what to do where there is none, or DeviceOutOfMemory.
    """
    checkpoint = require_detector(container.model_folder)
    from backend.adapters.detector.detector import TransformersDetector
    from backend.adapters.sam2.runtime.device import choose_device
    from backend.bootstrap.engine import model_threads

    settings = container.settings
    device = choose_device(settings.device, threads=model_threads(settings.threads, shares_cores=shares_cores))
    return TransformersDetector(checkpoint, device)


def detector_finding(container: Container) -> Finding:
    """What `masklet doctor` says of it. Raises ModelError for files that cannot be used."""
    found = find_detector(container.model_folder)
    if found is None:
        return Finding(
            "detector", Verdict.OK, f"none in {container.model_folder / FOLDER}: objects are not found by text"
        )
    return Finding("detector", Verdict.OK, f"{found.family.name} in {found.folder}, not loaded")
