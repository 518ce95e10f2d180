"""Wiring of `masklet propagate`: a video, a model, a folder; no queue, no ledger, no Label Studio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from backend.adapters.media.source_media import open_local_video
from backend.adapters.sam2.weights.calibrators import load_calibrator
from backend.adapters.store.datasets.mask_folder import MaskFolder, mask_folder
from backend.application.worker.offline import OfflinePropagator
from backend.bootstrap.container import Container
from backend.bootstrap.engine import build_engine
from backend.codecs.coco_rle import CocoCodec


@contextmanager
def open_offline(video: Path, model: str | None) -> Iterator[OfflinePropagator]:
    """The video (a file or a folder of pictures) and the model, ready to propagate. Raises MediaError or ModelError.

    The video is opened first: its faults show in milliseconds, a model takes seconds to load.
    """
    container = Container.from_environment(model=model)
    with open_local_video(video) as source:
        engine = build_engine(container, shares_cores=False)
        calibrator = load_calibrator(engine.model.name, container.model_folder, image_size=engine.model.image_size)
        yield OfflinePropagator(source, engine, CocoCodec(), container.clock, calibrator=calibrator)


def mask_output(out: Path, *, overwrite: bool) -> AbstractContextManager[MaskFolder]:
    """The output folder under construction. Raises NotAllowed if it holds something already."""
    return mask_folder(out, CocoCodec(), overwrite=overwrite)
