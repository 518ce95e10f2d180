"""Wiring of the engine."""

from __future__ import annotations

from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.adapters.sam2.runtime.cpu_threads import usable_cores
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.bootstrap.container import Container
from backend.bootstrap.training.model_use import require_usable


def build_engine(container: Container, *, shares_cores: bool) -> Sam2Engine:
    """The engine of the model in use. shares_cores: another engine computes at the same time, as workers do.

    Raises ModelError, IntegrityError or DeviceOutOfMemory.
    """
    options = EngineOptions(
        feature_cache_mib=container.settings.feature_cache_mib,
        lookahead=container.settings.lookahead_frames,
        max_prompted_frames_attended=container.settings.max_prompted_frames_attended,
        precision=container.settings.precision,
        compile=container.settings.compile,
        image_size=container.settings.image_size,
    )
    return load_engine(
        require_usable(container),
        model_dir=container.model_folder,
        device=container.settings.device,
        threads=model_threads(container.settings.threads, shares_cores=shares_cores),
        options=options,
    )


def model_threads(wanted: int, *, shares_cores: bool) -> int:
    """The CPU threads of an engine: the settings' count, or for 0 the usable cores, half of them if it shares them.

    Threads without a core of their own wait for each other in every layer: two propagations with two threads each took
    three times as long on two cores as with one thread each.
    """
    return wanted or max(1, usable_cores() // (2 if shares_cores else 1))
