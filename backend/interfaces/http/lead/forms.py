"""The JSON and CSV of the lead's API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from fastapi.responses import Response

from backend.adapters.labelstudio.reading.fields import as_list, as_text, as_whole
from backend.application.crowd.effort.report import PersonEffort, effort_document
from backend.application.crowd.lead.judgement import Judged
from backend.application.crowd.lead.label_counts import LabelCount
from backend.application.crowd.lead.observed import CrowdQueue, TrustAt
from backend.application.crowd.lead.processing import Progress
from backend.application.crowd.lead.project_table import LeadTask, TaskFilter
from backend.application.player.project_view import TaskState
from backend.codecs.csv_table import csv_text
from backend.domain.audits import AuditTally
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.errors import MalformedRequest
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import ObjectState, Verdict
from backend.interfaces.labelstudio.tasks import MAX_ID

MOST_TASKS = 1000
Json = dict[str, object]


def task_form(task: LeadTask, label_studio: str) -> Json:
    """label_studio: the task's address there."""
    key = task.task
    return {
        "task": key.task_id,
        "name": task.name,
        "state": str(task.state),
        "people": [
            {
                "user": each.user,
                "state": str(each.state),
                "objects": each.objects,
                "done": each.done,
                "total": each.total,
                "reason": _sentence(each.reason),
            }
            for each in task.work
        ],
        "labels": dict(task.labels),
        "uncertainty": None if task.uncertainty is None else round(task.uncertainty, 4),
        "worst_frame": task.worst_frame,
        "frame_count": task.frame_count,
        "unread": task.unread,
        "verdict": str(task.verdict),
        "comment": task.comment,
        "given_by": list(task.given_by),
        "agreement": interval_form(task.agreement),
        "thumbnail": _thumbnail(task),
        "player": f"/player?project={key.project_id}&task={key.task_id}",
        "label_studio": label_studio,
    }


def task_row(form: Mapping[str, object]) -> Json:
    """A task's form as a row of a table."""
    flat = {name: value for name, value in form.items() if name not in ("people", "agreement", "thumbnail")}
    people, agreement = form["people"], form["agreement"]
    assert isinstance(people, list)
    return {
        **flat,
        "people": ";".join(each["user"] for each in people),
        "reason": next((each["reason"] for each in people if each["reason"]), ""),
        **_flat("agreement", agreement),
    }


def interval_form(estimate: Estimate | None) -> Json | None:
    if estimate is None:
        return None
    return {
        "mean": round(estimate.mean, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
        "observations": round(estimate.observations, 2),
    }


def label_forms(counts: Iterable[LabelCount]) -> list[Json]:
    return [
        {
            "task": each.task.task_id,
            "name": each.name,
            "label": each.label,
            "objects": each.objects,
            "people": each.people,
            "clicks": each.clicks,
            "human_frames": each.human_frames,
            "frames": each.frames,
            "uncertainty": None if each.uncertainty is None else round(each.uncertainty, 4),
        }
        for each in counts
    ]


def person_form(
    user: str, effort: PersonEffort | None, quality: PersonQuality | None, trust: Sequence[TrustAt]
) -> Json:
    return {
        "user": user,
        "effort": None if effort is None else effort_document(effort.effort, effort.tasks),
        "sizes": [] if effort is None else [row.document() for row in effort.rows],
        "trust": interval_form(quality.trust if quality else None),
        "agreement": interval_form(quality.agreement if quality else None),
        "gold": interval_form(quality.gold if quality else None),
        "verdicts": {} if quality is None else {str(verdict): count for verdict, count in quality.verdicts.items()},
        "trust_over_time": [{"at_s": each.at_s, "trust": interval_form(each.trust)} for each in trust],
    }


def person_row(form: Mapping[str, object]) -> Json:
    effort = form["effort"]
    intervals = ((name, form[name]) for name in ("trust", "agreement", "gold"))
    return {
        "user": form["user"],
        **(effort if isinstance(effort, dict) else {}),
        **{key: value for name, interval in intervals for key, value in _flat(name, interval).items()},
    }


def queue_forms(queues: Iterable[CrowdQueue]) -> list[Json]:
    return [
        {
            "stage": each.stage,
            "project": each.project_id,
            "waiting": each.waiting,
            "done": each.done,
            "oldest_s": each.oldest_s,
            "per_hour": each.per_hour,
            "stuck": list(each.stuck),
        }
        for each in queues
    ]


def audit_forms(tallies: Mapping[str, AuditTally]) -> list[Json]:
    return [
        {
            "model": version,
            "masks": tally.count,
            "failures": tally.failures,
            "low": round(tally.interval[0], 4),
            "high": round(tally.interval[1], 4),
            "sentence": tally.sentence(),
        }
        for version, tally in tallies.items()
    ]


def progress_form(progress: Progress) -> Json:
    return {
        "orders": progress.orders,
        "waiting": progress.waiting,
        "running": progress.running,
        "finished": progress.finished,
        "cancelled": progress.cancelled,
        "share": round(progress.share, 4),
        "is_open": progress.is_open,
        "failures": [
            {"task": task.task_id, "user": user, "reason": reason} for task, user, reason in progress.failures
        ],
    }


def judged_form(judged: Iterable[Judged]) -> Json:
    return {"tasks": [{"task": each.task.task_id, "refused": each.refused} for each in judged]}


def filter_of(query: Mapping[str, str]) -> TaskFilter:
    """The filter of an address. Raises MalformedRequest naming the field and its choices."""
    return TaskFilter(
        frozenset(TaskState(name) for name in _names(query, "state", [each.value for each in TaskState])),
        frozenset(ObjectState(name) for name in _names(query, "verdict", [each.value for each in ObjectState])),
        query.get("label", ""),
        query.get("person"),
        _share(query, "uncertainty_from"),
        _share(query, "agreement_to"),
        query.get("text", ""),
    )


def verdict_of(document: Mapping[str, object], longest: int) -> tuple[Verdict | None, str]:
    """Verdict (None: take it back) and comment. Raises MalformedRequest."""
    verdict = document.get("verdict")
    if verdict is not None and verdict not in tuple(Verdict):
        raise MalformedRequest(f"verdict must be null or one of {', '.join(Verdict)}")
    comment = as_text(document.get("comment") or "", "comment", longest=longest)
    return None if verdict is None else Verdict(str(verdict)), comment


def tasks_of(document: Mapping[str, object], project_id: int, most: int) -> tuple[TaskKey, ...]:
    """The tasks of a body, each once. Raises MalformedRequest or PromptError."""
    listed = as_list(document.get("tasks"), "tasks")
    if not 1 <= len(listed) <= most:
        raise MalformedRequest(f"tasks must have 1 to {most} numbers, got {len(listed)}")
    numbers = (as_whole(number, f"tasks[{place}]", least=1, most=MAX_ID) for place, number in enumerate(listed))
    return tuple(TaskKey(project_id, number) for number in dict.fromkeys(numbers))


def csv_reply(name: str, rows: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> Response:
    """A table as a CSV file. name: of the file. columns: where there are no rows. No cell is a formula."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return Response(csv_text(rows, columns), media_type="text/csv; charset=utf-8", headers=headers)


def _flat(name: str, interval: object) -> Json:
    """An interval in columns; empty cells if nothing was observed."""
    found = interval if isinstance(interval, dict) else {}
    return {f"{name}_{part}" if part != "mean" else name: found.get(part) for part in ("mean", "low", "high")}


def _thumbnail(task: LeadTask) -> str:
    address = f"/api/lead/tasks/{task.task.project_id}/{task.task.task_id}/thumbnail"
    if task.shown_run:
        return f"{address}?run={quote(task.shown_run)}"
    return address if any(each.objects for each in task.work) else f"{address}?of=video"


def _names(query: Mapping[str, str], field: str, choices: Sequence[str]) -> list[str]:
    names = [name for name in query.get(field, "").split(",") if name]
    unknown = next((name for name in names if name not in choices), None)
    if unknown is not None:
        raise MalformedRequest(f"{field} takes some of {', '.join(choices)} with commas between, not {unknown[:60]!r}")
    return names


def _share(query: Mapping[str, str], field: str) -> float | None:
    text = query.get(field, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise MalformedRequest(f"{field} must be a number from 0 to 1, not {text[:60]!r}")
    return value


def _sentence(reason: str) -> str:
    """A recorded reason without its class name."""
    return reason.partition(": ")[2] or reason
