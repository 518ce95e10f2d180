"""The web process, put together. Reaches neither the model nor the decoder: workers have those."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.application.desk import Desk
from backend.application.ports import Clock, JobQueue, Ledger, ModelDirectory, TaskReader
from backend.application.reconcile import Reconciler


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the web process is told: where it listens, whom it admits, how much and how long it takes."""

    host: str = "127.0.0.1"
    port: int = 9090
    user: str = ""
    password: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    reply_deadline_s: float = 25.0
    max_body_bytes: int = 64 * 2**20
    model: str = "auto"


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything the web process works with. tasks is None where the settings name no Label Studio."""

    settings: WebSettings
    ledger: Ledger
    queue: JobQueue
    desk: Desk
    reconciler: Reconciler
    models: ModelDirectory
    clock: Clock
    tasks: TaskReader | None = None
