"""The parts of `masklet next --second-look`: the engine, propagated videos, and where opinions are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from backend.adapters.sam2.calibrators import load_calibrator
from backend.adapters.store.coco import CocoCodec
from backend.adapters.store.review_folder import OPINIONS, THIS_FOLDER, read_review_folder
from backend.application.ports import Segmenter, VideoSource
from backend.application.requests import Job
from backend.application.review import ReviewVideo, project_jobs, review_video
from backend.application.second_look import SecondLook, ShownMasks
from backend.application.second_opinions import Opinions, dump_opinions, keep_opinions, look_again
from backend.bootstrap.engine import build_engine
from backend.bootstrap.media import open_media_library
from backend.bootstrap.parts import (
    SystemClock,
    load_settings,
    model_folder,
    open_ledger_of,
    open_masks,
    open_notes,
)
from backend.bootstrap.review import checked_video
from backend.domain.errors import InvalidInput
from backend.domain.geometry import BoolMask
from backend.domain.masklets import EncodedMask, Masklet, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.second_look import SecondOpinion
from backend.settings import Settings

Tell = Callable[[str, Opinions], None]


def look_again_at(sources: Sequence[str], *, video: Path | None, tell: Tell) -> None:
    """Look again at the candidates of projects and folders, and keep what it makes of their uncertainty.

    video: the file of a folder. tell: called with each video's name and opinions.
    Raises InvalidInput if the model's calibrator has not learnt from second looks, if masks are another model's, or if
    a folder's video is not named; NotFound, IntegrityError, MediaError, ModelError.
    """
    settings = load_settings()
    opinion = _opinion(settings)
    engine = build_engine(settings)
    for source in sources:
        if source.isascii() and source.isdecimal():
            ledger = open_ledger_of(settings, SystemClock())
            for job in project_jobs(ledger, int(source)):
                with open_media_library(settings).open(ledger.request(job.job_id).media) as media:
                    _look_at_task(settings, job, media, engine, opinion, tell)
        else:
            _look_at_folder(Path(source), video, engine, opinion, tell)


def _opinion(settings: Settings) -> SecondOpinion:
    calibrator = load_calibrator(settings.model, model_folder(settings))
    if calibrator is None or calibrator.second is None:
        raise InvalidInput(
            f"the calibrator of model {settings.model} says nothing of second looks: they would change nothing; "
            "fit it with `python -m scripts.calibrate --second-look`, or leave out --second-look"
        )
    return calibrator.second


def _look_at_task(
    settings: Settings, job: Job, media: VideoSource, engine: Segmenter, opinion: SecondOpinion, tell: Tell
) -> None:
    run = open_masks(settings).read(job.masks_run)
    video = review_video(run, f"task {job.task.task_id}", job.model_version, task=job.task)
    _require_model(video, engine)
    opinions = look_again(video, _shown_of_run(run), SecondLook(engine, media, CocoCodec()), opinion)
    keep_opinions(open_notes(settings), job.task, job.masks_run, opinions)
    tell(video.name, opinions)


def _look_at_folder(root: Path, path: Path | None, engine: Segmenter, opinion: SecondOpinion, tell: Tell) -> None:
    folder = read_review_folder(root, as_stored=True)
    _require_model(folder.video, engine)
    if path is None:
        raise InvalidInput(f"a second look at {root} needs its video: name the file with --video")

    def shown(object_id: ObjectId) -> ShownMasks:
        def mask(frame: int) -> BoolMask:
            found = folder.mask(object_id, frame)
            if found is None:
                raise InvalidInput(f"{root} has no mask of {object_id!r} on frame {frame}; propagate again")
            return found

        return ShownMasks(object_id, _human(folder.video, object_id), mask)

    with checked_video(path, folder.content_hash) as media:
        look = SecondLook(engine, media, CocoCodec())
        opinions = look_again(folder.video, [shown(name) for name in folder.video.objects], look, opinion)
    (root / OPINIONS).write_bytes(dump_opinions(THIS_FOLDER, opinions))
    tell(folder.video.name, opinions)


def _shown_of_run(run: MaskRun) -> list[ShownMasks]:
    codec, shown = CocoCodec(), list[ShownMasks]()
    for masklet in run.masklets:
        human = tuple(int(f.frame_index) for f in masklet.frames if f.origin is not MaskOrigin.PROPAGATED)
        shown.append(ShownMasks(masklet.object_id, human, partial(_decoded, codec, masks_of(masklet))))
    return shown


def masks_of(masklet: Masklet) -> dict[int, EncodedMask]:
    """By frame index."""
    return {int(frame.frame_index): frame.mask for frame in masklet.frames}


def _decoded(codec: CocoCodec, masks: dict[int, EncodedMask], frame: int) -> BoolMask:
    return codec.decode(masks[frame])


def _human(video: ReviewVideo, object_id: ObjectId) -> tuple[int, ...]:
    seen = video.objects[object_id]
    return tuple(sorted(int(one.frame_index) for one in seen if one.origin is not MaskOrigin.PROPAGATED))


def _require_model(video: ReviewVideo, engine: Segmenter) -> None:
    """What another model's masks lead to says nothing of them."""
    if video.model_version != engine.model.version:
        raise InvalidInput(
            f"{video.name} was propagated by {video.model_version}, and MASKLET_MODEL is {engine.model.version}: "
            "set it to the same model, or propagate again"
        )
