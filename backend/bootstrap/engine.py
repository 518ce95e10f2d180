"""From settings to the engine."""

from __future__ import annotations

from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.bootstrap.container import model_folder
from backend.settings import Settings


def build_engine(settings: Settings) -> Sam2Engine:
    """The settings' checkpoint on the settings' device. Raises ModelError, IntegrityError or DeviceOutOfMemory."""
    options = EngineOptions(
        feature_cache_mib=settings.feature_cache_mib,
        lookahead=settings.lookahead_frames,
        max_prompted_frames_attended=settings.max_prompted_frames_attended,
        precision=settings.precision,
        compile=settings.compile,
    )
    return load_engine(
        settings.model,
        model_dir=model_folder(settings),
        device=settings.device,
        threads=settings.threads,
        options=options,
    )
