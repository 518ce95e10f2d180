"""Wiring of `--prompts WHERE`: the reader that the words name, with its files and the project's labels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.context import read_annotation
from backend.adapters.labelstudio.reading.exported_tasks import read_tasks
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.labelstudio.reading.unshown_media import unshown
from backend.adapters.media.data_sets.layouts import LAYOUTS, read_objects
from backend.application.annotation.prompt_file import parse_prompts, refuse_masks
from backend.application.exports.naming import safe_name
from backend.application.imports.model import ExistingTask, PromptSource, Source, SourceMedia, TaskDraft
from backend.application.imports.prompts import at_start, first_of_each, moved_to, prompts_on
from backend.application.imports.task_fields import GivenFields
from backend.bootstrap.prompt_files import read_prompt_file
from backend.domain.datasets import FormatName, kinds_text
from backend.domain.errors import InvalidInput, PromptError
from backend.domain.prompts import PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.timeline import clock_of
from backend.domain.video import VideoInfo

logger = logging.getLogger(__name__)

PREDICTIONS = "predictions"
TASKS = FormatName.LABELSTUDIO.value
FILMS = (FormatName.OVERLAY.value, FormatName.GREENSCREEN.value)
PROMPTS_KEY = "prompts"
NO_SCORES: Mapping[str, float] = {}
READERS = (
    "FILE.json, a folder of those, masks:PATH, mot:PATH, mots:PATH, yolo:DIR, coco:FILE, youtubevis:FILE, "
    "coco-rle:PATH, boxes-csv:FILE, labelstudio:PATH, sibling:TASK, predictions[:MODEL], auto"
)

GivenPrompts = tuple[PromptSet, Mapping[str, float]]
InfoOf = Callable[[SourceMedia], VideoInfo]

SharedPrompts = Callable[[Source, TaskDraft, Sequence[str]], PromptSet]
"""The prompts that --prompts gives a draft. The texts: the labels that the draft's task may have."""


@dataclass(frozen=True, slots=True)
class FilePrompts:
    """Prompts from the source's own prompt file, or else from what `--prompts` names."""

    labels_of: Callable[[Source], Sequence[str]]
    shared: SharedPrompts

    def prompts(self, source: Source, draft: TaskDraft) -> GivenPrompts:
        """See the Prompter port."""
        labels = self.labels_of(source)
        if source.prompts:
            return _from_file(Path(source.prompts), draft, labels), NO_SCORES
        return self.shared(source, draft, labels), NO_SCORES


def _from_file(path: Path, draft: TaskDraft, labels: Sequence[str]) -> PromptSet:
    if not path.is_file():
        raise PromptError(f"{path}: there is no such prompt file")
    return moved_to(draft, read_prompt_file(path), labels)


def file_prompter(
    where: str,
    label_config: str,
    client: LabelStudioClient,
    project_id: int,
    *,
    info_of: InfoOf,
    fields: GivenFields | None = None,
    is_alone: bool = False,
) -> PromptSource:
    """The prompter that WHERE names; the empty one gives what lists name. is_alone: the import has one source only.

    info_of: opens a medium. fields: of new tasks' data, which may name labels. Raises InvalidInput for an unknown word.
    """
    given = fields or GivenFields()

    def labels_of(source: Source) -> Sequence[str]:
        return read_binding(with_task_data(label_config, given.joined(source.extra))).labels

    shared = _shared(where, label_config, client, TaskKey(project_id, 0), info_of=info_of, is_alone=is_alone)
    return FilePrompts(labels_of, shared)


def _shared(
    where: str, label_config: str, client: LabelStudioClient, project: TaskKey, *, info_of: InfoOf, is_alone: bool
) -> SharedPrompts:
    kind, colon, rest = where.partition(":")
    if not where or kind == PREDICTIONS:
        return lambda source, draft, labels: PromptSet(())
    if kind == "sibling" and rest.isdecimal():
        prompts = _annotated(client, TaskKey(project.project_id, int(rest)), label_config)
        return lambda source, draft, labels: at_start(prompts) if draft.number == 0 else PromptSet(())
    if colon and kind in (TASKS, *LAYOUTS):
        path = Path(rest).expanduser()
        if not path.exists():
            raise InvalidInput(f"--prompts {where}: there is no {path}")
        if kind == TASKS:
            tasks = TaskFile(path / "tasks.json" if path.is_dir() else path, label_config, info_of)
            return lambda source, draft, labels: _from_tasks(tasks, source, draft, labels)
        return lambda source, draft, labels: _from_data_set(kind, path, source, draft, labels, is_alone=is_alone)
    path = Path(where).expanduser()
    if path.is_dir():
        return lambda source, draft, labels: _from_folder(path, stem_of(source), draft, labels)
    if path.is_file():
        given = read_prompt_file(path)
        return lambda source, draft, labels: moved_to(draft, given, labels)
    raise InvalidInput(_unknown(where, kind))


def _unknown(where: str, kind: str) -> str:
    if kind in FILMS:
        return (
            f"--prompts {where}: a film has neither labels nor masks that can be read back; export these too: "
            f"masklet export --format {FormatName.COCO_RLE}"
        )
    return f"--prompts {where!r} names no file and is not known; there are {READERS}"


def _from_data_set(
    kind: str, path: Path, source: Source, draft: TaskDraft, labels: Sequence[str], *, is_alone: bool
) -> PromptSet:
    stem = stem_of(source)
    names = (stem, safe_name(stem))  # Masklet's export writes the latter
    found = read_objects(kind, path, names, draft.medium.size, is_alone=is_alone)
    return prompts_on(draft, found, labels, naming=LAYOUTS[kind].classes)


@dataclass(frozen=True, slots=True)
class TaskFile:
    """Label Studio's JSON. A label_config.xml beside it, which Masklet exports, is of its tasks; else label_config."""

    path: Path
    label_config: str
    info_of: InfoOf

    @property
    def binding(self) -> Binding:
        """Raises LabelConfigError."""
        beside = self.path.parent / "label_config.xml"
        return read_binding(beside.read_text(encoding="utf-8") if beside.is_file() else self.label_config)


def _from_tasks(file: TaskFile, source: Source, draft: TaskDraft, labels: Sequence[str]) -> PromptSet:
    stem, binding = stem_of(source), file.binding
    names = (stem, safe_name(stem), source.name)
    read = read_tasks(file.path, names, binding, lambda: clock_of(file.info_of(draft.medium), binding.framerate))
    _tell_left_out(f"--prompts {TASKS}:{file.path}, {source.name}", read.left_out)
    return prompts_on(draft, read.objects, labels, naming="rename it in the file")


def stem_of(source: Source) -> str:
    """The name under which other files know the video: its file's, without the suffix."""
    if source.path is None:
        return source.name
    return source.path.name if source.path.is_dir() else source.path.stem


def _from_folder(folder: Path, stem: str, draft: TaskDraft, labels: Sequence[str]) -> PromptSet:
    path = folder / f"{stem}.json"
    if not path.is_file():
        names = ", ".join(sorted(file.name for file in folder.glob("*.json"))[:8]) or "no prompt files"
        raise PromptError(
            f"--prompts {folder} has no {path.name}; it has {names}; import videos without prompts without --prompts"
        )
    return moved_to(draft, read_prompt_file(path), labels)


def _annotated(client: LabelStudioClient, task: TaskKey, label_config: str) -> PromptSet:
    """What a person left on a task, from its newest annotation that was not cancelled."""
    where = f"--prompts sibling:{task.task_id}"
    kept = [a for a in client.annotations(task) if not a.was_cancelled]
    if not kept:
        raise InvalidInput(f"{where}: that task has no annotation")
    binding = read_binding(with_task_data(label_config, client.fetch_task(task).data))
    read = read_annotation(kept[-1].result, binding)
    if not read.prompts:
        drawn = f": {kinds_text(read.left_out)}" if read.left_out else ""
        raise InvalidInput(f"{where}: nothing in that task's annotation can be a prompt{drawn}")
    _tell_left_out(where, read.left_out)
    return read.prompts


def _tell_left_out(where: str, left_out: Mapping[str, int]) -> None:
    if left_out:
        logger.warning("%s: drawn and no prompts: %s", where, kinds_text(left_out))


@dataclass(frozen=True, slots=True)
class TaskPrompts:
    """ExistingTasks: what a task of a project shows, and the prompts that it brings itself or that WHERE gives it."""

    where: str
    label_config: str
    client: LabelStudioClient
    probe: Callable[[MediaRef], VideoInfo]
    """Opens media to see of which frames they are."""

    def read(self, source: Source, task: TaskKey) -> ExistingTask:
        """See the ExistingTasks port."""
        data = self.client.fetch_task(task).data
        binding = read_binding(with_task_data(self.label_config, data))
        media = media_of_task({"data": data}, binding, task_id=task.task_id)
        prompts = self._prompts(source, task, media, data)
        for label in prompts.labels.values():
            if label not in binding.labels:
                raise PromptError(
                    f"label {label[:60]!r} is not in the label config; it has {', '.join(binding.labels)}"
                )
        return ExistingTask(media, data, prompts, note=str(unshown(media, task.project_id) or ""))

    def _prompts(self, source: Source, task: TaskKey, media: MediaRef, data: Mapping[str, object]) -> PromptSet:
        own = data.get(PROMPTS_KEY)
        kind, _, rest = self.where.partition(":")
        if source.prompts:
            return read_prompt_file(Path(source.prompts))
        if kind == PREDICTIONS:
            return self._predicted(task, media, data, model=rest)
        if kind == "sibling" and rest.isdecimal():
            return at_start(_annotated(self.client, TaskKey(task.project_id, int(rest)), self.label_config))
        if self.where and Path(self.where).is_file():
            return read_prompt_file(Path(self.where))
        if self.where:
            raise PromptError(f"--prompts {self.where} is for files, not for tasks that exist")
        return PromptSet(()) if own is None else parse_prompts(own, refuse_masks)

    def _predicted(self, task: TaskKey, media: MediaRef, data: Mapping[str, object], *, model: str) -> PromptSet:
        """Each object's first mask or box of a task's newest prediction of that model ("": of any)."""
        found = [p for p in self.client.imports.predictions(task.task_id) if model in ("", p.model_version)]
        if not found:
            return PromptSet(())
        binding = read_binding(with_task_data(self.label_config, data))
        clock = clock_of(self.probe(media), binding.framerate) if binding.is_video else None
        read = read_annotation(found[-1].result, binding, clock=clock)
        _tell_left_out(f"task {task.task_id}, prediction {found[-1].model_version}", read.left_out)
        return first_of_each(read.prompts).as_automatic(lambda prompt: found[-1].score)
