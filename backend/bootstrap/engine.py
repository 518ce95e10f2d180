"""Wiring of the engine."""

from __future__ import annotations

from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.bootstrap.container import Container


def build_engine(container: Container, *, threads: int | None = None) -> Sam2Engine:
    """The engine of the settings. threads: CPU threads in place of the settings' count.

    Raises ModelError, IntegrityError or DeviceOutOfMemory.
    """
    options = EngineOptions(
        feature_cache_mib=container.settings.feature_cache_mib,
        lookahead=container.settings.lookahead_frames,
        max_prompted_frames_attended=container.settings.max_prompted_frames_attended,
        precision=container.settings.precision,
        compile=container.settings.compile,
    )
    return load_engine(
        container.settings.model,
        model_dir=container.model_folder,
        device=container.settings.device,
        threads=container.settings.threads if threads is None else threads,
        options=options,
    )
