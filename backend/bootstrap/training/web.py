"""Trainings and the model in use, for the web process: it neither trains nor loads a model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.adapters.sam2.weights.trained import find_trained
from backend.application.training.reconcile import TrainingReconciler
from backend.application.training.requests import Trainings
from backend.bootstrap.container import Container
from backend.bootstrap.training.model_use import model_uses, roll_back, use_model
from backend.bootstrap.training.reports import report_of
from backend.bootstrap.training.requests import default_request, open_training_reconciler, open_trainings
from backend.domain.errors import MaskletError, NotFound, QueueUnavailable
from backend.domain.training import TrainedPart
from backend.domain.training.rows import Training


@dataclass(frozen=True, slots=True)
class WebTrainings:
    """What Label Studio's button and the lead's page do with trainings."""

    container: Container
    trainings: Trainings
    reconciler: TrainingReconciler

    def start(
        self,
        project_id: int,
        *,
        user: str,
        minutes: float | None = None,
        parts: TrainedPart | None = None,
        activates: bool | None = None,
    ) -> tuple[Training, bool]:
        """A training with the settings' choices, other ones where given. Returns as Trainings.start.

        Raises InvalidInput for a wrong choice, of the call or of the settings.
        """
        request = default_request(self.container, project_id, user=user)
        given = {"minutes": minutes, "parts": parts, "activates": activates}
        changed = {name: value for name, value in given.items() if value is not None}
        return self.trainings.start(replace(request, **changed))  # type: ignore[arg-type]

    @property
    def settings(self) -> tuple[float, str, str]:
        """Minutes and parts of a training that names none, and MASKLET_MODEL."""
        settings = self.container.settings
        return settings.train_minutes, settings.train_what, settings.model

    @property
    def active(self) -> str:
        """The name of the activated checkpoint; empty without one, or if the record cannot be read."""
        try:
            active = model_uses(self.container).active()
        except MaskletError:
            return ""
        return "" if active is None else active.name

    def is_here(self, name: str) -> bool:
        """Whether a trained checkpoint is in the model folder, undamaged."""
        try:
            return find_trained(name, self.container.model_folder) is not None
        except MaskletError:
            return False

    def workers(self) -> int | None:
        """The count of train workers; None if the queue does not answer."""
        try:
            return self.trainings.queue.workers()
        except QueueUnavailable:
            return None

    def use(self, training: Training, *, by: str) -> None:
        """Makes a training's checkpoint the model in use. Raises NotFound without one, and as use_model."""
        if training.result is None or not training.result.checkpoint:
            raise NotFound(f"training {training.name} offers no checkpoint")
        use_model(self.container, training.result.checkpoint, by)

    def roll_back(self) -> None:
        """Raises NotFound if no activated checkpoint is in use."""
        roll_back(self.container)

    def report(self, training: Training) -> bytes:
        """Raises NotFound."""
        return report_of(self.container, training)


def open_web_trainings(container: Container) -> WebTrainings:
    return WebTrainings(container, open_trainings(container), open_training_reconciler(container, container.queue))
