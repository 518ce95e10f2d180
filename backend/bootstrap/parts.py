"""What every process of Masklet starts with: its settings, its log, the clock, and the parts that all of them share."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from backend.domain.errors import InvalidInput
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
    def queue(self) -> Path:
        return self.root / "queue"

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
