"""The quality of a project's people and tasks, from the measurements in the ledger; Label Studio is not asked.

`Measuring` makes the measurements. What is shown of people is for those who lead them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.application.crowd.quality.crowd_tasks import FAULTS, CrowdTasks, ListedTask
from backend.application.crowd.quality.gold_truth import TruthVideo
from backend.application.crowd.quality.measure import gold_masks, measured_task
from backend.application.crowd.quality.people import JudgedMaker, evidence_of, people_of, trust_over_time
from backend.application.ports.masks import MaskCodec
from backend.application.ports.progress import counted
from backend.application.ports.quality_ledger import QualityLedger
from backend.domain.crowd.agreement import figures
from backend.domain.crowd.agreement_measured import MeasuredTask, Submission
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.crowd.gold_truth import GoldTask
from backend.domain.crowd.trust import DEFAULT_POLICY, TrustAt, TrustPolicy, trust_of
from backend.domain.crowd.trust_beta import share_interval
from backend.domain.tasks import TaskKey

KEPT_S = 600.0


@dataclass(frozen=True, slots=True)
class Known:
    """What measurements and verdicts say of a project, and the state in which they were."""

    state: object
    people: Mapping[str, PersonQuality]
    trust_over_time: Mapping[str, Sequence[TrustAt]]
    agreement: Mapping[TaskKey, Estimate]


@dataclass(frozen=True, slots=True)
class QualityService:
    """Reads measurements, and verdicts of a crowd's verifiers. now_s: wall clock, in seconds.

    What is known of a project is kept in memory until it changes, at most KEPT_S: trust decays with time.
    verifiers: their verdicts on masklets that were made in a project.
    """

    ledger: QualityLedger
    now_s: Callable[[], float]
    policy: TrustPolicy = DEFAULT_POLICY
    verifiers: Callable[[int], Sequence[JudgedMaker]] = lambda _: ()
    _kept: dict[int, Known] = field(default_factory=dict)

    def tasks(self, project_id: int) -> tuple[MeasuredTask, ...]:
        """The measured tasks of a project, by number."""
        return self.ledger.measurements(project_id)

    def people(self, project_id: int) -> Mapping[str, PersonQuality]:
        """Everyone with a measured annotation or a verified masklet, by user."""
        return self.known(project_id).people

    def trust_over_time(self, project_id: int) -> Mapping[str, Sequence[TrustAt]]:
        """Each person's trust, oldest first; people without observations are left out."""
        return self.known(project_id).trust_over_time

    def agreement(self, project_id: int) -> Mapping[TaskKey, Estimate]:
        """The mean IoU of all people on each task; tasks with fewer than two people are left out.

        observations: its objects with a mask. Frames of an object are not independent.
        """
        return self.known(project_id).agreement

    def state(self, project_id: int) -> object:
        """Equal to that of Known as long as nothing changed; a matter of milliseconds."""
        return self._state(project_id, len(self.verifiers(project_id)))

    def known(self, project_id: int) -> Known:
        """Everything at once; computed anew if it changed, which takes seconds for a thousand tasks."""
        now_s, verdicts = self.now_s(), tuple(self.verifiers(project_id))
        state = self._state(project_id, len(verdicts))
        known = self._kept.get(project_id)
        if known is None or known.state != state:
            tasks = self.tasks(project_id)
            found = evidence_of(tasks, verdicts, now_s=now_s, policy=self.policy)
            people = {each.user: each for each in people_of(found, now_s=now_s, policy=self.policy)}
            history = trust_over_time(found, now_s=now_s, policy=self.policy)
            known = self._kept[project_id] = Known(state, people, history, _agreement(tasks))
        return known

    def _state(self, project_id: int, verdicts: int) -> object:
        return self.now_s() // KEPT_S, dict(self.ledger.measurement_states(project_id)), verdicts

    def trust(self, project_id: int) -> Callable[[str], Estimate]:
        """The trust in each person; in one of whom nothing is known, the policy's prior."""
        people = self.people(project_id)
        return lambda user: people[user].trust if user in people else self.prior

    @property
    def prior(self) -> Estimate:
        """The trust in a person of whom nothing is known."""
        return trust_of([], now_s=self.now_s(), policy=self.policy)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """listed: the tasks with annotations. faults: why a task cannot be measured, by its number."""

    listed: tuple[ListedTask, ...]
    faults: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Measuring:
    """Measures the tasks of a project whose annotations, verdicts or gold changed since they were measured."""

    service: QualityService
    source: CrowdTasks
    codec: MaskCodec

    def refresh(self, project_id: int, task_id: int | None = None) -> Refreshed:
        """Measures what changed. task_id: only this task. A task that cannot be read keeps its earlier measurement.

        Raises LabelStudioUnavailable, LabelStudioRefused or NotFound; what was measured before the error stays.
        """
        ledger = self.service.ledger
        listed = list(self.source.tasks(project_id, task_id))
        known, gold = ledger.measurement_states(project_id), _by_task(ledger.gold(project_id))
        states = {each.task: self._state(each, gold.get(each.task)) for each in listed}
        changed = [each for each in listed if known.get(each.task) != states[each.task]]
        faults = {}
        for each in counted(changed, "measured tasks"):
            try:
                measured = self._measured(each, gold.get(each.task))
            except FAULTS as error:
                faults[each.task.task_id] = str(error)
            else:
                ledger.record_measurement(measured, state=states[each.task])
        if task_id is None:
            gone = {task.task_id for task in known} - {each.task.task_id for each in listed}
            ledger.forget_measurements(project_id, gone)
        return Refreshed(tuple(listed), faults)

    def _measured(self, listed: ListedTask, gold: GoldTask | None) -> MeasuredTask:
        people = _judged(listed, gold)
        if not people:
            return MeasuredTask(listed.task, (), ())
        with self.source.open(listed.task, people) as opened:
            measured = measured_task(listed.task, opened.videos, self.codec)
            if gold is None:
                return measured
            truth = TruthVideo(gold.truth, opened.videos[0].video.info)
            frames = tuple(gold.truth.frames)
            found = {
                each.submission.user: tuple(gold_masks(each.video, truth, frames, self.codec)) for each in opened.videos
            }
            return replace(measured, gold=found)

    def _state(self, listed: ListedTask, gold: GoldTask | None) -> str:
        """Of all that the measurement of a task depends on."""
        verdicts = self.service.ledger.everybodys_verdicts(listed.task.project_id, task=listed.task)
        parts = [listed.state, *(repr((each.user, each.given)) for each in verdicts)]
        parts += [] if gold is None else [f"{gold.source} {gold.annotation_id} {gold.added_s}"]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _agreement(tasks: Sequence[MeasuredTask]) -> dict[TaskKey, Estimate]:
    found: dict[TaskKey, Estimate] = {}
    for task in tasks:
        overall = figures(task.objects).overall if len(task.people) > 1 else None
        if overall is not None:
            count = sum(bool(each.present.any()) for each in task.objects)
            found[task.task] = share_interval(count * overall, count * (1 - overall))
    return found


def _judged(listed: ListedTask, gold: GoldTask | None) -> tuple[Submission, ...]:
    """The people's submissions, without the one that is the task's truth."""
    if gold is None or gold.is_copy:
        return listed.people
    return tuple(each for each in listed.people if each.annotation_id != gold.annotation_id)


def _by_task(gold: Sequence[GoldTask]) -> dict[TaskKey, GoldTask]:
    return {each.task: each for each in gold if each.task.task_id}
