"""The adapters of one process, opened from the settings when they are first used.

Does not hold the model or the decoder: the web process has a container too (see `media` and `engine` for those). The
clients of queue and Label Studio are imported when they are used: they take a third of the start of a command such as
`masklet status`.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from backend.adapters.machine.clocks import SystemClock, boot_name
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.serving.addresses import Signer
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import ObjectMaskStore
from backend.application.ports.key_value import KeyValueStore
from backend.application.review.task_signature import TaskSigner
from backend.bootstrap.cluster.shared_state import SharedState, StateInFiles, StateInLedger
from backend.bootstrap.masks.opening import open_mask_cache, open_masks, open_shared_store
from backend.codecs.file_cache import FileCache
from backend.domain.errors import InvalidInput, QueueUnavailable
from backend.domain.tasks import TaskKey
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.adapters.labelstudio.api.client import LabelStudioClient
    from backend.adapters.labelstudio.api.session import Session
    from backend.adapters.queue.model_announcement import ModelAnnouncement
    from backend.adapters.queue.rq_queue import RqQueue
    from backend.adapters.store.objects.shared import SharedStore

SESSION_TIMEOUT_S = 60.0


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
    def key_values(self) -> Path:
        return self.root / "notes"

    @property
    def pages(self) -> Path:
        return self.root / "pages"

    @property
    def thumbnails(self) -> Path:
        return self.root / "thumbnails"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def imported(self) -> Path:
        return self.root / "imported"

    @property
    def model_announcement(self) -> Path:
        return self.root / "model.json"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def trainings(self) -> Path:
        return self.root / "trainings"

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


def keep_files_private() -> None:
    """Files that this process makes are its user's alone (0600, folders 0700).

    For processes that write to the data folder only: commands also write what others shall read.
    """
    os.umask(0o077)


class Container:
    """One process's adapters. Each attribute is opened once, at its first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()

    @classmethod
    def from_environment(cls, **overrides: object) -> Container:
        """See load_settings."""
        return cls(load_settings(**overrides))

    @cached_property
    def folder(self) -> DataFolder:
        """The data folder, made if missing, for its owner alone (0700). Raises InvalidInput if it cannot be made."""
        root = self.settings.data_dir.resolve()
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InvalidInput(f"MASKLET_DATA_DIR: {root} cannot be made: {error.strerror}") from error
        with suppress(OSError):  # a folder of another owner stays as it is
            root.chmod(0o700)
        return DataFolder(root)

    @property
    def model_folder(self) -> Path:
        """The folder of checkpoints: searched, and fetched to."""
        return self.settings.model_dir or self.folder.models

    @cached_property
    def ledger(self) -> SqlLedger:
        """PostgreSQL by address, or SQLite in the data folder. Raises ServiceUnavailable.

        The clock of this process is the ledger's from now on.
        """
        ledger = open_ledger(self.settings.database_url or self.folder.ledger_url, self.clock)
        boot = boot_name()
        if boot:
            self.clock.share(ledger.clock_offset_s(boot))
        return ledger

    @cached_property
    def shared_store(self) -> SharedStore | None:
        return open_shared_store(self.settings)

    @cached_property
    def masks(self) -> ObjectMaskStore:
        return open_masks(self.folder.root, self.shared_store, self.mask_cache)

    @cached_property
    def mask_cache(self) -> FileCache | None:
        return open_mask_cache(self.settings, self.folder.root, self.shared_store)

    @cached_property
    def shared_state(self) -> SharedState:
        """In the data folder, and with PostgreSQL in the ledger. Raises ServiceUnavailable."""
        is_sqlite = (self.settings.database_url or "sqlite:").startswith("sqlite")
        return StateInFiles(self.folder) if is_sqlite else StateInLedger(self.ledger, self.folder, self.clock)

    @property
    def key_values(self) -> KeyValueStore:
        return self.shared_state.key_values

    @property
    def media_signer(self) -> Signer:
        return self.shared_state.media_signer

    @cached_property
    def task_signer(self) -> TaskSigner:
        """Signs correction tasks; its key is derived from the key of the media addresses."""
        return TaskSigner.derived_from(self.media_signer.key)

    @property
    def import_records(self) -> ImportRecords:
        return self.shared_state.import_records

    @cached_property
    def queue_address(self) -> str:
        """REDIS_URL, or the address of the private server that `masklet up` runs in this data folder.

        Raises QueueUnavailable with the remedy if there is neither.
        """
        if self.settings.redis_url:
            return self.settings.redis_url
        from backend.adapters.queue.valkey import EmbeddedValkey

        server = EmbeddedValkey(self.folder.root)
        if not server.is_ready():
            raise QueueUnavailable(f"no queue server runs in {self.folder.root}: start `masklet up`, or set REDIS_URL")
        return server.url

    @cached_property
    def queue(self) -> RqQueue:
        """The queue for producers of jobs. Raises QueueUnavailable."""
        from backend.adapters.queue.rq_queue import RqQueue

        return RqQueue(self.queue_address)

    @cached_property
    def model_announcement(self) -> ModelAnnouncement:
        """The workers' model: announced in the data folder, and in Redis for hosts that do not share the folder."""
        from backend.adapters.queue.model_announcement import ModelAnnouncement
        from backend.adapters.queue.names import connect

        redis = connect(self.settings.redis_url, timeout_s=1.0) if self.settings.redis_url else None
        return ModelAnnouncement(self.folder.model_announcement, redis)

    @cached_property
    def label_studio(self) -> LabelStudioClient | None:
        """The client of the settings' Label Studio; None without LABEL_STUDIO_URL."""
        if not self.settings.label_studio_url:
            return None
        from backend.adapters.labelstudio.api.client import LabelStudioClient

        return LabelStudioClient(
            self.settings.label_studio_url,
            self.settings.label_studio_token.get_secret_value(),
            media_hosts=(*self.settings.media_hosts.split(","), self.settings.public_url),
            max_media_bytes=int(self.settings.media_max_gib * 2**30),
        )

    def label_studio_session(self) -> Session:
        """A session of the caller's own, who closes it. Raises InvalidInput without LABEL_STUDIO_URL."""
        if not self.settings.label_studio_url:
            raise InvalidInput("no Label Studio is set; put its address in LABEL_STUDIO_URL")
        from backend.adapters.labelstudio.api.session import Session

        token = self.settings.label_studio_token.get_secret_value()
        return Session(self.settings.label_studio_url, token, timeout_s=SESSION_TIMEOUT_S)

    @property
    def label_studio_public_url(self) -> str:
        """Label Studio's address in browsers, without a slash at its end; empty without a Label Studio."""
        return (self.settings.label_studio_public_url or self.settings.label_studio_url).rstrip("/")

    def task_address(self, task: TaskKey) -> str:
        """A task's page in Label Studio, for browsers; empty without a Label Studio."""
        url = self.label_studio_public_url
        return f"{url}/projects/{task.project_id}/data?task={task.task_id}" if url else ""

    @property
    def public_url(self) -> str:
        """The address under which browsers reach this Masklet: as set, or its own."""
        return self.settings.public_url or self.own_url

    @property
    def own_url(self) -> str:
        """The address at which this Masklet listens: as `masklet up` recorded it, or host and port of the settings."""
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(self.folder.run_file.read_text())["url"])
        return f"http://{self.settings.host}:{self.settings.port}"
