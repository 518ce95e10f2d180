"""The checks of `masklet doctor`: one thing each, with the remedy if it is not well."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Protocol

from backend.adapters.labelstudio.api.backend_trial import try_backend
from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.api.projects import REMEDY
from backend.adapters.labelstudio.versions import WITH_PAGE, untried
from backend.adapters.media.index import IndexCache
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.sam2.trackers.image_encoder_package import PACKAGES, require_package
from backend.adapters.sam2.weights.checkpoint_files import Architecture, Checkpoint, require_hash
from backend.adapters.sam2.weights.checkpoints import AUTO
from backend.adapters.sam2.weights.image_size import at_image_size
from backend.application.annotation.change_detection import ChangeSource, change_sources, forget_project
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.projects import ProjectDirectory
from backend.application.projects.plan import own_backend, version_to_show
from backend.bootstrap.container import Container
from backend.bootstrap.detection.detector import detector_finding
from backend.bootstrap.finding import Finding, Verdict, guarded
from backend.bootstrap.masks.check import store_finding
from backend.bootstrap.media import media_library, task_media
from backend.bootstrap.media_check import media_finding
from backend.bootstrap.training.model_use import find_checkpoint
from backend.domain.errors import MaskletError, NotFound
from backend.domain.retries import FailedTry, FailureKind
from backend.settings import Settings

ANSWER_WITHIN_S = 3.0
LEAST_FREE_GIB = 5.0


def findings(container: Container, *, backend_url: str, project_id: int | None = None) -> Iterator[Finding]:
    """Look at everything, one finding after the other. Raises nothing for what is not well.

    project_id: fetch one task's media of it, too.
    """
    for subject, check in (
        ("disk", _disk),
        ("store", store_finding),
        ("ledger", _ledger),
        ("retries", _retries),
        ("queue", _queue),
        ("checkpoint", _checkpoint),
        ("device", _device),
        ("detector", detector_finding),
    ):
        yield guarded(subject, lambda check=check: check(container))  # type: ignore[misc]
    yield from _label_studio(container, backend_url, project_id)


def _disk(container: Container) -> Finding:
    root = container.folder.root
    free_gib = shutil.disk_usage(root).free / 2**30
    sentence = f"{free_gib:.1f} GiB free in {root}"
    if free_gib >= LEAST_FREE_GIB:
        return Finding("disk", Verdict.OK, sentence)
    return Finding("disk", Verdict.WARN, sentence, "free some space or set MASKLET_DATA_DIR")


def _ledger(container: Container) -> Finding:
    jobs = sum(container.ledger.counts().values())
    where = "PostgreSQL" if container.settings.database_url else "SQLite in the data folder"
    return Finding("ledger", Verdict.OK, f"{where}, {jobs} jobs")


def _retries(container: Container) -> Finding:
    with closing(container.ledger) as ledger:
        return retries_finding(ledger.failure_counts(), ledger.failed_tries(limit=1))


def retries_finding(counts: Mapping[tuple[FailureKind, str, bool], int], examples: Sequence[FailedTry]) -> Finding:
    """What failed for a cause outside of Masklet. examples: the failed try that is due next."""
    if not counts:
        return Finding("retries", Verdict.OK, "nothing waits for another try")
    listed = ", ".join(f"{count} {kind} ({cause})" for (kind, cause, _), count in sorted(counts.items()))
    is_given_up = any(given_up for _, _, given_up in counts)
    example = f"; for one: {examples[0].reason}" if examples else ""
    return Finding(
        "retries",
        Verdict.FAIL if is_given_up else Verdict.WARN,
        f"{'some were given up' if is_given_up else 'tried again later'}: {listed}{example}",
        "remove the cause, then: masklet jobs retry",
    )


def _queue(container: Container) -> Finding:
    with closing(RqQueue(container.queue_address)) as queue:
        workers = queue.workers()
    counted = ", ".join(f"{count} {kind}" for kind, count in workers.items())
    if all(workers.values()):
        return Finding("queue", Verdict.OK, f"answers; workers: {counted}")
    return Finding("queue", Verdict.WARN, f"answers; workers: {counted}", "start the missing ones: masklet worker KIND")


def _checkpoint(container: Container) -> Finding:
    import torch

    settings = container.settings
    on_gpu = settings.device != "cpu" and torch.cuda.is_available()
    checkpoint = at_image_size(find_checkpoint(container, AUTO), settings.image_size, on_gpu=on_gpu)
    require_hash(checkpoint.weights, checkpoint.sha256)
    shown = f"{checkpoint.version} at {checkpoint.image_size} px in {_precision(settings, checkpoint, on_gpu=on_gpu)}"
    if checkpoint.is_demo:
        return Finding(
            "checkpoint",
            Verdict.WARN,
            f"{shown}: the demo model, not for real work",
            "fetch a real one: masklet models pull base_plus",
        )
    if checkpoint.architecture is Architecture.TRANSFORMERS:
        require_package(PACKAGES[checkpoint.name])
        return Finding("checkpoint", Verdict.OK, f"{shown}; no SHA-256 is on record for its file")
    return Finding("checkpoint", Verdict.OK, f"{shown}, SHA-256 as recorded")


def _precision(settings: Settings, checkpoint: Checkpoint, *, on_gpu: bool) -> str:
    """What a worker of this machine computes in."""
    import torch

    from backend.adapters.sam2.runtime.device import precision_of

    if settings.precision != AUTO:
        return settings.precision
    device = torch.device("cuda" if on_gpu else "cpu")
    return str(precision_of(device, AUTO, image_size=checkpoint.image_size)).removeprefix("torch.")


def _device(container: Container) -> Finding:
    import torch

    from backend.bootstrap.engine import model_threads

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        return Finding("device", Verdict.OK, f"{name}, CUDA {torch.version.cuda}")
    threads = model_threads(container.settings.threads, shares_cores=True)
    remedy = "" if container.settings.device == "cpu" else "on a machine with a GPU, check its driver with nvidia-smi"
    return Finding("device", Verdict.WARN, f"no CUDA device: {threads} CPU threads a worker", remedy)


def _label_studio(container: Container, backend_url: str, project_id: int | None) -> Iterator[Finding]:
    client = container.label_studio
    if client is None:
        yield Finding(
            "label studio", Verdict.FAIL, "no address is set", "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY"
        )
        return
    with closing(client):
        for subject, check in (
            ("label studio", lambda: _version(client)),
            ("token", lambda: Finding("token", Verdict.OK, f"valid, of {client.whoami()}")),
            ("acceptance", lambda: _acceptance(container, client, backend_url)),
        ):
            finding = guarded(subject, check)
            yield finding
            if finding.verdict is Verdict.FAIL and subject != "acceptance":
                return
        yield from annotation_findings(container.key_values, client, trouble_of_web(container, backend_url))
        model = container.model_announcement.announced()
        if model is not None:
            numbers = [int(number) for number in change_sources(container.key_values)]
            yield from shown_version_findings(client.projects, numbers, backend_url, model.version)
        if project_id is not None:
            indices = IndexCache(container.folder.indices)
            with media_library(container) as library:
                media = task_media(container, library)
                subject = f"media of project {project_id}"
                yield guarded(subject, lambda: media_finding(media, client, project_id, indices))


def _version(client: LabelStudioClient) -> Finding:
    return version_finding(client.version())


def version_finding(version: str) -> Finding:
    trouble = untried(version)
    if not trouble:
        return Finding("label studio", Verdict.OK, f"answers, version {version}")
    remedy = f"install {WITH_PAGE[-1]}, or try this one: ./scripts/compat {version}"
    return Finding("label studio", Verdict.WARN, f"answers; {trouble}", remedy)


def _acceptance(container: Container, client: LabelStudioClient, backend_url: str) -> Finding:
    login = container.settings.basic_auth_user, container.settings.basic_auth_pass.get_secret_value()
    result = try_backend(client.projects, backend_url, user=login[0], password=login[1])
    for project_id in result.project_ids:
        forget_project(container.key_values, project_id)
    if result.problem:
        remedy = "" if REMEDY in result.problem else REMEDY
        return Finding("acceptance", Verdict.FAIL, f"Label Studio refuses {backend_url}: {result.problem}", remedy)
    return Finding("acceptance", Verdict.OK, f"Label Studio accepts a backend at {backend_url}")


class ProjectReader(Protocol):
    """Reads projects and submitted tasks from Label Studio. Raises MaskletError."""

    def label_config(self, project_id: int) -> str: ...

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> Sequence[object]: ...


def annotation_findings(key_values: KeyValueStore, label_studio: ProjectReader, trouble: str) -> Iterator[Finding]:
    """For each connected project, how Masklet learns that something was submitted; what to do where it does not.

    trouble: why neither webhooks nor polls can be at work now (trouble_of_web), or empty.
    """
    known = change_sources(key_values)
    if not known:
        connect = "masklet connect NUMBER; by hand: the project's Settings, Model, Connect Model"
        yield Finding("annotations", Verdict.WARN, "no project is connected to Masklet yet", connect)
    for project_id, channel in known.items():
        subject = f"project {project_id}"
        if trouble:
            sentence = f"neither webhook nor poll is at work: {trouble}"
            remedy = "start Masklet with LABEL_STUDIO_URL set: masklet up; or say where it is: masklet doctor --url URL"
            yield Finding(subject, Verdict.FAIL, sentence, remedy)
        else:
            finding = _project(subject, int(project_id), ChangeSource(channel), label_studio)
            if finding is None:
                forget_project(key_values, int(project_id))
                sentence = "is not in Label Studio any more; Masklet knows it again once Label Studio connects it"
                yield Finding(subject, Verdict.OK, sentence)
            else:
                yield finding


def _project(subject: str, project_id: int, channel: ChangeSource, label_studio: ProjectReader) -> Finding | None:
    """None for a project that does not exist."""
    try:
        label_studio.label_config(project_id)
        label_studio.changed_tasks(project_id, since="", limit=1)
    except NotFound:
        return None
    except MaskletError as error:
        return Finding(
            subject,
            Verdict.FAIL,
            f"neither webhook nor poll is at work: its annotations cannot be read: {error}",
            "let the token's user see the project",
        )
    if channel is ChangeSource.WEBHOOK:
        return Finding(subject, Verdict.OK, "submitted annotations are told of by webhook")
    return Finding(subject, Verdict.OK, "submitted annotations are asked for (poll): no webhook has come in")


def shown_version_findings(
    projects: ProjectDirectory, project_ids: Iterable[int], backend_url: str, model_version: str
) -> Iterator[Finding]:
    """The projects whose task page shows the predictions of a backend's title: there are none, and no scores."""
    for project_id in project_ids:
        try:
            project, own = projects.project(project_id), own_backend(projects.backends(project_id), backend_url)
        except MaskletError:
            continue  # annotation_findings has said so
        if project.model_version and version_to_show(project, own, model_version) is not None:
            sentence = (
                f"the task page shows the predictions of {project.model_version!r}, a backend's title, and not those "
                f"of {model_version!r}: scores are empty"
            )
            remedy = f"masklet connect {project_id} --config keep"
            yield Finding(f"project {project_id}", Verdict.WARN, sentence, remedy)


def trouble_of_web(container: Container, url: str) -> str:
    """Why the web process at that address does not learn of annotations; empty if it does."""
    request = urllib.request.Request(f"{url.rstrip('/')}/health")
    if container.settings.basic_auth_user:
        login = f"{container.settings.basic_auth_user}:{container.settings.basic_auth_pass.get_secret_value()}"
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as reply:
            trouble = json.load(reply).get("annotations")
    except (OSError, ValueError, AttributeError):
        return f"no Masklet answers at {url}"
    return trouble if isinstance(trouble, str) else ""
