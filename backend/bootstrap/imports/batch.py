"""Wiring of `masklet import` and `masklet jobs`."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.api.overlays import overlay_key
from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.config.shown_fields import step_key
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.index import IndexCache
from backend.adapters.media.serving.addresses import NEVER
from backend.adapters.media.serving.placement import (
    BackendPlacement,
    BucketPlacement,
    LocalPlacement,
    open_bucket,
    parse_bucket,
)
from backend.adapters.media.source_media import jpeg_of
from backend.adapters.media.sources.sources import expand
from backend.application.imports.importer import Importer
from backend.application.imports.model import (
    ImportMode,
    Placement,
    Plan,
    PromptSource,
    Reencode,
    Report,
    Source,
    SourceMedia,
)
from backend.application.imports.progress import BatchProgress, Tally
from backend.application.imports.start import TaskStarter
from backend.application.imports.task_fields import GivenFields
from backend.application.ports.data_table import DataTable
from backend.application.projects.table_columns import new_columns_hidden
from backend.bootstrap.annotation import open_annotation_service
from backend.bootstrap.container import Container
from backend.bootstrap.imports.batch_prompts import TaskPrompts, file_prompter
from backend.bootstrap.imports.field_check import given_fields, require_fields
from backend.bootstrap.imports.search_prompts import SearchPrompts, require_searchable, searching
from backend.bootstrap.media import media_library
from backend.bootstrap.projects import connection_warnings
from backend.domain.errors import InvalidInput, NotAllowed
from backend.domain.jobs import OutputMode
from backend.domain.selection import Portion, Selection
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex, VideoInfo

DAY_S = 86_400


SEGMENT = 100
"""The default number of pages per task. Label Studio's page serializes every mask of a task at each Submit, in time
proportional to their number: docs/benchmarks.md has the seconds."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The options of one `masklet import`. Empty and None mean "not given"; a segment of 0 leaves videos whole."""

    project_id: int
    mode: ImportMode | None = None
    selection: Selection = field(default_factory=Selection)
    portion: Portion = field(default_factory=Portion)
    segment: int | None = None
    overlap: int = 0
    carry: bool = True
    certainty: float = 0.5
    pages: str = "backend"
    local_root: Path | None = None
    bucket: str = ""
    public_url: str = ""
    expire_days: int = 365
    prompts: str = ""
    find: tuple[str, ...] = ()
    find_score: float | None = None
    fields: tuple[str, ...] = ()
    reencode: Reencode = Reencode.AUTO
    starts: bool = True
    label_studio_url: str | None = None
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is ready to run. warnings: what the project lacks, a sentence each."""

    importer: Importer
    plan: Plan
    sources: list[Source]
    model_version: str
    table: DataTable
    warnings: tuple[str, ...] = ()

    def run(self, report: Report) -> Tally:
        with new_columns_hidden(self.table, self.plan.project_id):
            return self.importer.run(self.sources, self.plan, report)


@contextmanager
def open_batch(arguments: list[str], options: BatchOptions, progress: BatchProgress) -> Iterator[Batch]:
    """Everything that an import needs. One import at a time works on a project from one data folder or ledger.

    Raises InvalidInput for options that cannot work together, LabelStudioUnavailable or LabelStudioRefused.
    """
    container = Container.from_environment(
        label_studio_url=options.label_studio_url, label_studio_token=options.api_key
    )
    client = container.label_studio
    if client is None:
        raise InvalidInput("no Label Studio is named: give --label-studio-url and --api-key, or set LABEL_STUDIO_URL")
    try:
        with _alone(container, options.project_id):
            yield _put_together(arguments, options, container=container, client=client, progress=progress)
    finally:
        client.close()


def _put_together(
    arguments: list[str],
    options: BatchOptions,
    *,
    container: Container,
    client: LabelStudioClient,
    progress: BatchProgress,
) -> Batch:
    folder = container.folder
    config = client.label_config(options.project_id)
    binding = read_binding(config)
    beside = tuple(key for key in (overlay_key(config), step_key(config)) if key is not None)
    plan = replace(_plan(options, binding), beside=beside)
    plan = replace(plan, fields=given_fields(options.fields, config, (plan.value_key, *plan.beside)))
    sources = _sources(arguments, client, options.project_id)
    require_fields(config, plan, sources)
    require_searchable(options.find, options.prompts, sources)
    library = DiskLibrary(
        folder.imported,
        container.import_records,
        IndexCache(folder.indices),
        reencode=options.reencode,
        as_video=plan.mode is ImportMode.VIDEO,
        on_frame=progress.frame,
    )
    placement = _placement(options, container, library)
    if isinstance(placement, LocalPlacement):
        placement.folder.mkdir(parents=True, exist_ok=True)
        client.imports.ensure_local_files(options.project_id, placement.folder)
    starting = _starting(container, config) if options.starts else None
    return Batch(
        Importer(
            library,
            placement,
            client.imports,
            library.records,
            prompter=_prompter(
                options,
                container,
                library,
                client=client,
                config=config,
                fields=plan.fields,
                progress=progress,
                is_alone=len(sources) == 1,
            ),
            existing=TaskPrompts(options.prompts, config, client, lambda media: _looked_at(container, media)),
            starting=starting,
            carry=options.carry,
            certainty=options.certainty,
        ),
        plan,
        sources,
        "" if starting is None else starting.model_version,
        client.table,
        connection_warnings(container, options.project_id),
    )


def _looked_at(container: Container, media: MediaRef) -> VideoInfo:
    with media_library(container) as library, library.open(media) as video:
        return video.info


def _prompter(
    options: BatchOptions,
    container: Container,
    library: DiskLibrary,
    *,
    client: LabelStudioClient,
    config: str,
    fields: GivenFields,
    progress: BatchProgress,
    is_alone: bool,
) -> PromptSource:
    labels = read_binding(with_task_data(config, fields.joined({}))).labels
    load = searching(container, labels, options.prompts, options.find, options.find_score)
    if load is not None:
        every_segment = not (options.carry and options.overlap > 0)
        return SearchPrompts(load, library.open, labels, every_segment=every_segment, on_search=progress.search)

    def info_of(medium: SourceMedia) -> VideoInfo:
        with library.open(medium) as video:
            return video.info

    return file_prompter(
        options.prompts, config, client, options.project_id, fields=fields, info_of=info_of, is_alone=is_alone
    )


def _sources(arguments: list[str], client: LabelStudioClient, project_id: int) -> list[Source]:
    if arguments == ["tasks:all"]:
        return [Source(f"task {number}", task_id=number) for number in sorted(client.imports.all(project_id))]
    return expand(arguments)


def _plan(options: BatchOptions, binding: Binding) -> Plan:
    fits = {OutputMode.PAGES: ImportMode.PAGES, OutputMode.KEYFRAME: ImportMode.KEYFRAMES}
    wanted = fits.get(binding.mode, ImportMode.VIDEO)
    mode = options.mode or wanted
    if mode is not wanted:
        raise InvalidInput(
            f"--as {mode} does not fit project {options.project_id}: its label config shows {_shown(wanted)}; "
            f"use --as {wanted}, or give the project another of the files in label_config/"
        )
    if mode is ImportMode.VIDEO and (options.segment or str(options.selection) != "all"):
        raise InvalidInput("--segment and --select need frames as pages or keyframes: a video is shown whole")
    segment = (SEGMENT if options.segment is None else options.segment) or None
    return Plan(
        options.project_id,
        mode,
        binding.value_key,
        options.selection,
        options.portion,
        segment,
        options.overlap if segment else 0,
    )


def _shown(mode: ImportMode) -> str:
    return {ImportMode.VIDEO: "a video", ImportMode.PAGES: "pages", ImportMode.KEYFRAMES: "single frames"}[mode]


def _placement(options: BatchOptions, container: Container, library: DiskLibrary) -> Placement:
    if options.pages == "backend":
        until_s = int(time.time()) + options.expire_days * DAY_S if options.expire_days else NEVER
        url = options.public_url or container.public_url
        return BackendPlacement(url, container.media_signer, until_s)

    def pages(medium: SourceMedia, frames: tuple[int, ...]) -> Iterator[tuple[int, bytes]]:
        with library.open(medium) as video:
            for frame in frames:
                yield frame, jpeg_of(video, FrameIndex(frame))

    if options.pages == "local":
        if options.local_root is None or not options.local_root.is_dir():
            raise InvalidInput(
                "--pages local needs --local-root, the folder that Label Studio has as "
                "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"
            )
        return LocalPlacement(options.local_root.resolve(), pages)
    if options.pages == "s3":
        name, prefix = parse_bucket(options.bucket)
        return BucketPlacement(name, prefix, open_bucket(name), pages)
    raise InvalidInput(f"--pages {options.pages!r} is not known; there are backend, local and s3")


def _starting(container: Container, label_config: str) -> TaskStarter:
    model = container.model_announcement.announced()
    version = "" if model is None else model.version
    return TaskStarter(open_annotation_service(container), partial(with_task_data, label_config), version)


@contextmanager
def _alone(container: Container, project_id: int) -> Iterator[None]:
    """Two imports into one project at once would each not see what the other makes."""
    refusal = NotAllowed(f"another import into project {project_id} is under way; wait for it to end")
    with (container.folder.root / f"import-{project_id}.lock").open("w") as lock, ExitStack() as held:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        database = container.ledger.database
        if database.is_shared and not held.enter_context(database.claimed(f"import {project_id}")):
            raise refusal
        yield
