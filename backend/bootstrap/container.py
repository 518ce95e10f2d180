"""What every process of Masklet starts with: its settings, its log, the clock, and the parts that all of them share."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.media.serving.addresses import open_signer
from backend.adapters.queue.model_announcement import ModelAnnouncement
from backend.adapters.queue.names import connect
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.adapters.store.key_value import FileKeyValueStore
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.review.task_signature import TaskSigner
from backend.domain.errors import InvalidInput, QueueUnavailable
from backend.settings import Settings


class SystemClock:
    """The Clock port on the machine's own clocks."""

    def now_s(self) -> float:
        return time.time()

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where things lie in the data folder."""

    root: Path

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.root / 'ledger.sqlite'}"

    @property
    def masks(self) -> Path:
        return self.root / "masks"

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def indices(self) -> Path:
        return self.root / "indices"

    @property
    def records(self) -> Path:
        return self.root / "batches.sqlite"

    @property
    def media_key(self) -> Path:
        return self.root / "media.key"

    @property
    def notes(self) -> Path:
        return self.root / "notes"

    @property
    def pages(self) -> Path:
        return self.root / "pages"

    @property
    def imported(self) -> Path:
        return self.root / "imported"

    @property
    def model_board(self) -> Path:
        return self.root / "model.json"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"


def load_settings(**overrides: object) -> Settings:
    """The settings from the environment; overrides that are None count as not given.

    Raises InvalidInput naming the setting and what is wrong with it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"setting {name}: {first['msg']}") from error


def data_folder(settings: Settings) -> DataFolder:
    """The data folder, made if it is not there. Raises InvalidInput if it cannot be."""
    root = settings.data_dir.resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"MASKLET_DATA_DIR: {root} cannot be made: {error.strerror}") from error
    return DataFolder(root)


def model_folder(settings: Settings) -> Path:
    """Where checkpoints are looked for and fetched to."""
    return settings.model_dir or data_folder(settings).models


def set_up_logging(settings: Settings) -> None:
    """One line an event on stderr."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", force=True
    )


def open_ledger_of(settings: Settings, clock: SystemClock) -> SqlLedger:
    """The ledger that the settings name: PostgreSQL by address, or SQLite in the data folder."""
    return open_ledger(settings.database_url or data_folder(settings).ledger_url, clock)


def open_masks(settings: Settings) -> FileMaskStore:
    """The mask store in the data folder."""
    return FileMaskStore(data_folder(settings).masks)


def open_key_values(settings: Settings) -> FileKeyValueStore:
    """The notes in the data folder."""
    return FileKeyValueStore(data_folder(settings).notes)


def open_task_signer(settings: Settings) -> TaskSigner:
    """What proves that a correction task is ours; its secret comes from the key of the data folder."""
    return TaskSigner.derived_from(open_signer(data_folder(settings).media_key).key)


def queue_address(settings: Settings) -> str:
    """REDIS_URL, or the address of the private server that `masklet up` runs in this data folder.

    Raises QueueUnavailable with the remedy if there is neither.
    """
    if settings.redis_url:
        return settings.redis_url
    folder = data_folder(settings)
    server = EmbeddedValkey(folder.root)
    if not server.is_ready():
        raise QueueUnavailable(f"no queue server runs in {folder.root}: start `masklet up`, or set REDIS_URL")
    return server.url


def open_queue(settings: Settings) -> RqQueue:
    """The queue as a producer sees it."""
    return RqQueue(queue_address(settings))


def open_model_announcement(settings: Settings) -> ModelAnnouncement:
    """Where workers say which model they hold: in the data folder, and in Redis where folders are not shared."""
    redis = connect(settings.redis_url, timeout_s=1.0) if settings.redis_url else None
    return ModelAnnouncement(data_folder(settings).model_board, redis)


def open_label_studio(settings: Settings) -> LabelStudioClient | None:
    """The client for the Label Studio that the settings name; None if they name none."""
    if not settings.label_studio_url:
        return None
    return LabelStudioClient(
        settings.label_studio_url,
        settings.label_studio_token.get_secret_value(),
        media_hosts=settings.media_hosts.split(","),
        max_media_bytes=int(settings.media_max_gib * 2**30),
    )
