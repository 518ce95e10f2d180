"""What connecting a project changes: computed first, shown to a person, then carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from backend.application.annotation.change_detection import ADOPTED_ACTIONS
from backend.application.ports.projects import (
    BackendOrder,
    BackendRecord,
    ProjectRecord,
    WebhookOrder,
    WebhookRecord,
)
from backend.application.projects.table_columns import TableChange

VERSION_PREFIX = "masklet-"
"""The beginning of every model version of Masklet."""

SECRET_HEADER = "X-Masklet-Secret"


class ConfigChoice(StrEnum):
    """The label config of a connected project. KEEP: as it is."""

    PLAYER = "player"
    FRAMES = "frames"
    VIDEO = "video"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Addresses and logins.

    label_studio_url, public_url: of Label Studio and Masklet, for browsers. backend_url: of Masklet, for Label Studio's
    server. is_url_given: whether a person said backend_url; otherwise a working address of the project's backend stays.
    model_version: of the workers' model. note: on Label Studio's release; empty for one that was tried.
    """

    label_studio_url: str
    public_url: str
    backend_url: str
    model_version: str
    is_url_given: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True)
class BackendChange:
    """A backend to connect (backend_id: None) or to change. sentence: what for."""

    backend_id: int | None
    order: BackendOrder
    sentence: str


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """A webhook to add (webhook_id: None) or to change. sentence: what for."""

    webhook_id: int | None
    order: WebhookOrder
    sentence: str


@dataclass(frozen=True, slots=True)
class ConnectPlan:
    """The changes to a project; None for what stays. notes: what a person should know, a sentence each."""

    project: ProjectRecord
    label_config: str | None
    backend: BackendChange | None
    webhook: WebhookChange | None
    model_version: str | None
    table: TableChange | None = None
    notes: tuple[str, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        parts = (self.label_config, self.backend, self.webhook, self.model_version, self.table)
        return all(part is None for part in parts)

    def sentences(self) -> Iterator[str]:
        """The changes apart from the label config, a sentence each."""
        if self.backend is not None:
            yield f"ML backend: {self.backend.sentence}"
        if self.webhook is not None:
            yield f"webhook: {self.webhook.sentence}"
        if self.model_version is not None:
            before = self.project.model_version
            why = f", not of {before!r}, the backend's title until now" if before else ""
            yield f"predictions: the task page shows those of {self.model_version!r}{why}"
        if self.table is not None:
            yield f"data table: {self.table.sentence}"


def own_backend(backends: Sequence[BackendRecord], backend_url: str) -> BackendRecord | None:
    """The project's backend that is Masklet: by its address, else by the model version that it told."""
    at_address = [b for b in backends if same_address(b.url, backend_url)]
    masklets = [b for b in backends if b.model_version.startswith(VERSION_PREFIX)]
    return next(iter(at_address + masklets), None)


def backend_url_for(found: BackendRecord | None, settings: ConnectionSettings) -> str:
    """The backend's address: a working one stays unless a person gave another."""
    if found is not None and found.is_connected and not settings.is_url_given:
        return found.url.rstrip("/")
    return settings.backend_url.rstrip("/")


def backend_change(found: BackendRecord | None, url: str, settings: ConnectionSettings) -> BackendChange | None:
    """The change of the backend. Its title becomes the model version: Label Studio shows predictions of that title."""
    order = BackendOrder(url, settings.model_version, settings.user, settings.password)
    if found is None:
        return BackendChange(None, order, f"connects {url}, for interactive preannotations")
    reasons = []
    if not same_address(found.url, url):
        reasons.append(f"address {url}, not {found.url}")
    if not found.is_interactive:
        reasons.append("for interactive preannotations")
    if not found.is_connected:
        reasons.append(f"connects {url} again, which Label Studio did not reach: {found.problem or 'no reason given'}")
    elif settings.user and found.user != settings.user:
        reasons.append("with the user and password of the settings")
    if found.title != settings.model_version:
        reasons.append(f"title {settings.model_version!r}, not {found.title!r}")
    return BackendChange(found.backend_id, order, "; ".join(reasons)) if reasons else None


def webhook_change(
    webhooks: Iterable[WebhookRecord], url: str, earlier_url: str, settings: ConnectionSettings
) -> WebhookChange | None:
    """The change of the webhook for Masklet at an address; one for an earlier address of Masklet is moved."""
    headers = {SECRET_HEADER: settings.webhook_secret} if settings.webhook_secret else {}
    order = WebhookOrder(f"{url}/webhook", ADOPTED_ACTIONS, headers)
    places = (order.url, f"{earlier_url.rstrip('/')}/webhook")
    known = sorted((w for w in webhooks if w.url in places), key=lambda w: places.index(w.url))
    if not known:
        return WebhookChange(None, order, f"tells {order.url} of submitted annotations")
    found = known[0]
    reasons = []
    if found.url != order.url:
        reasons.append(f"address {order.url}, not {found.url}")
    if not found.is_active or not found.has_payload:
        reasons.append("active, with its payload")
    if found.actions != frozenset(ADOPTED_ACTIONS):
        reasons.append(f"for {', '.join(ADOPTED_ACTIONS)} alone")
    if found.headers.get(SECRET_HEADER, "") != settings.webhook_secret:
        reasons.append(f"with the header {SECRET_HEADER} of the settings" if headers else f"without {SECRET_HEADER}")
    return WebhookChange(found.webhook_id, order, "; ".join(reasons)) if reasons else None


def version_to_show(project: ProjectRecord, own: BackendRecord | None, model_version: str) -> str | None:
    """Whose predictions the task page shows from now on; None if the project's choice stays.

    own: Masklet's backend. Label Studio itself chooses a backend's title, and a title that is no version has no
    predictions. What a person chose stays.
    """
    shown = project.model_version
    is_title = own is not None and shown == own.title != own.model_version
    is_chosen = bool(shown) and not is_title
    return None if shown == model_version or is_chosen or not project.shows_predictions else model_version


def address_notes(settings: ConnectionSettings) -> Iterator[str]:
    """What keeps the player from being shown or from knowing who looks at it."""
    studio, masklet = urlsplit(settings.label_studio_url), urlsplit(settings.public_url)
    if studio.hostname != masklet.hostname:
        yield (
            f"Label Studio is called {studio.hostname} and Masklet {masklet.hostname}: a browser does not send Label "
            "Studio's login to the player, so each person signs in there with a token. Give both one host name: set "
            "MASKLET_PUBLIC_URL and MASKLET_LABEL_STUDIO_PUBLIC_URL to the names that browsers use"
        )
    if studio.scheme == "https" and masklet.scheme == "http":
        yield (
            f"Label Studio is at an https address and Masklet at {settings.public_url}: browsers do not show the "
            "player in it. Set MASKLET_PUBLIC_URL to an https address of Masklet"
        )


def same_address(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")
