"""The model in use: as MASKLET_MODEL names it, or for `auto` the trained checkpoint that was activated."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from backend.adapters.machine.clocks import WallClock
from backend.adapters.sam2.weights.checkpoint_files import Checkpoint, require_hash, require_trainable
from backend.adapters.sam2.weights.checkpoints import AUTO, find
from backend.application.ports.training.queue import ActiveModel, ModelUse
from backend.application.worker.threads import in_thread
from backend.bootstrap.container import Container
from backend.codecs.proc_stat import children
from backend.domain.errors import IntegrityError, InvalidInput, MaskletError, ModelError

logger = logging.getLogger(__name__)

WATCH_S = 1.0
ROLL_BACK = "masklet models rollback"


def model_uses(container: Container) -> ModelUse:
    """The record of activated checkpoints, for all processes of the data folder or ledger."""
    return container.shared_state.model_uses


def chosen_model(container: Container) -> str:
    """The name of the checkpoint to load, or `auto`. Raises ModelError if the record of it cannot be read."""
    if container.settings.model != AUTO:
        return container.settings.model
    active = model_uses(container).active()
    return AUTO if active is None else active.name


def require_usable(container: Container) -> str:
    """`chosen_model`, if its checkpoint is there. Raises ModelError with the way out."""
    name = chosen_model(container)
    try:
        find(name, container.model_folder)
    except (ModelError, IntegrityError) as error:
        if container.settings.model == AUTO and name != AUTO:
            raise ModelError(f"{error}. It is the model in use; go back to the one before: {ROLL_BACK}") from error
        raise
    return name


def find_checkpoint(container: Container, name: str) -> Checkpoint:
    """The checkpoint of a name; auto: the model in use. Raises ModelError or IntegrityError without its files."""
    return find(require_usable(container) if name == AUTO else name, container.model_folder)


def find_trainable(container: Container, name: str) -> Checkpoint:
    """`find_checkpoint`, of one that can be trained. Raises InvalidInput for another one."""
    checkpoint = find_checkpoint(container, name)
    require_trainable(checkpoint)
    return checkpoint


def use_model(container: Container, name: str, by: str = "") -> ActiveModel:
    """Makes a checkpoint the model in use. Workers load it once they are idle.

    Raises InvalidInput if MASKLET_MODEL names one, ModelError or IntegrityError if its files are not in order.
    """
    if container.settings.model != AUTO:
        raise InvalidInput(
            f"MASKLET_MODEL={container.settings.model} names the model in use, and counts before what is activated; "
            "leave MASKLET_MODEL out, or set it to auto"
        )
    checkpoint = find(name, container.model_folder)
    require_hash(checkpoint.weights, checkpoint.sha256)
    used = ActiveModel(checkpoint.name, by, WallClock().now_s())
    model_uses(container).use(used)
    return used


def roll_back(container: Container) -> str:
    """Goes back to the model before; its name. Raises NotFound if no activated one is in use."""
    before = model_uses(container).roll_back()
    return AUTO if before is None else before.name


class ModelWatch:
    """Stops a worker when another model is in use, so that it starts again with that one."""

    def __init__(self, container: Container, stop: Callable[[], None]) -> None:
        """Made before the worker loads its model. Raises ModelError if that one cannot be loaded."""
        self._container = container
        self._stop = stop
        self._loaded = require_usable(container)
        self._missing = ""
        self._has_changed = threading.Event()

    @property
    def has_changed(self) -> bool:
        return self._has_changed.is_set()

    def check(self) -> None:
        """Called between two jobs. A model that cannot be loaded is not followed."""
        if not self.has_changed and self._is_other():
            self._has_changed.set()
            self._stop()

    @contextmanager
    def watching(self, is_working: Callable[[], bool]) -> Iterator[None]:
        """Inside, a thread checks every second in which the worker has no job."""

        def watch(ended: threading.Event) -> None:
            while not ended.wait(WATCH_S):
                if not is_working():
                    self.check()

        with in_thread("model-in-use", watch, join_s=None):
            yield

    def _is_other(self) -> bool:
        try:
            chosen = chosen_model(self._container)
        except (MaskletError, OSError):
            return False
        if chosen == self._loaded:
            return False
        try:
            return bool(require_usable(self._container))
        except (MaskletError, OSError) as error:
            if chosen != self._missing:
                self._missing = chosen
                logger.warning(
                    "this worker goes on with %s, for the model in use is not in %s: %s. Masks of two models come from "
                    "this queue until the same model folder is on all hosts",
                    self._loaded,
                    self._container.model_folder,
                    error,
                )
            return False


def start_again() -> None:
    """Replaces this process by a new one with the same arguments, process id and parent: it loads the model in use."""
    for child in children(os.getpid()):
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
