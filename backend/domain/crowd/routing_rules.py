"""Which verdicts count, and where an item goes after a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.crowd.routing import (
    Answer,
    Crowd,
    ItemState,
    NextStep,
    Role,
    Route,
    Start,
)
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.verdicts import Verdict


class Uncounted(StrEnum):
    """Why a verdict does not count."""

    MAKER = "its author made these masks"
    AGAIN = "its author gave another one later"
    MISSING = "it names no verdict: satisfactory, redo or reject"
    UNNAMED = "Label Studio does not name its author"


@dataclass(frozen=True, slots=True)
class Counted:
    """An answer to a verification. why: None if it counts."""

    answer: Answer
    why: Uncounted | None = None


def counted(answers: Iterable[Answer], makers: Collection[str]) -> tuple[Counted, ...]:
    """The answers to a verification, in the order of their annotations. makers: who made the masks at any time."""
    ordered = sorted(answers, key=lambda answer: answer.annotation_id)
    last = {answer.user: answer.annotation_id for answer in ordered if answer.overall is not None}
    return tuple(Counted(answer, _why_not(answer, makers, last.get(answer.user))) for answer in ordered)


def _why_not(answer: Answer, makers: Collection[str], last: int | None) -> Uncounted | None:
    if not answer.user:
        return Uncounted.UNNAMED
    if answer.user in makers:
        return Uncounted.MAKER
    if answer.overall is None or answer.overall is Verdict.SKIPPED:
        return Uncounted.MISSING
    return None if last == answer.annotation_id else Uncounted.AGAIN


def decided(answers: Sequence[Answer]) -> Verdict:
    """What more than half of the verifiers say; `redo` if no verdict has more than half."""
    verdict, count = Counter(answer.overall for answer in answers).most_common(1)[0]
    if verdict is None or 2 * count <= len(answers):
        return Verdict.REDO
    return verdict


def kept_objects(answers: Sequence[Answer], objects: Iterable[ObjectId]) -> tuple[ObjectId, ...]:
    """The objects that more than half of the verifiers find satisfactory."""
    return tuple(
        each
        for each in objects
        if 2 * sum(answer.of_object(each) is Verdict.SATISFACTORY for answer in answers) > len(answers)
    )


def route_made(crowd: Crowd, role: Role, *, is_checked: bool = True) -> Route:
    """Where an item goes after it was selected or tracked. is_checked: whether it is verified, if that is next."""
    following = crowd.role_after(role)
    if following is None or (following is Role.VERIFY and not is_checked):
        return Route(ItemState.ACCEPTED)
    start = Start.PROMPTS if following is Role.TRACK else Start.MASKS
    return Route(ItemState.OPEN, NextStep(following, start))


def route_verified(crowd: Crowd, redos: int, answers: Sequence[Answer]) -> Route:
    """Where an item goes after n verdicts that count, on masks that a person made. redos: earlier ones."""
    verdict = decided(answers)
    if verdict is Verdict.SATISFACTORY:
        return Route(ItemState.ACCEPTED)
    if verdict is Verdict.REJECT:
        return Route(ItemState.REJECTED)
    maker = crowd.maker_role
    if maker is None or redos >= crowd.max_redos:
        return Route(ItemState.STOPPED)
    note = redo_note(answers, redo=redos + 1, of=crowd.max_redos)
    return Route(ItemState.OPEN, NextStep(maker, Start.MASKS, note=note), is_redo=True)


def route_automatic(crowd: Crowd, answers: Sequence[Answer], objects: Iterable[ObjectId]) -> Route:
    """Where an item goes after verdicts on masks that no person made: good ones are the start of the maker's task.

    Without a maker in the crowd, as after masks of a person; then nobody redoes them.
    """
    maker = crowd.maker_role
    if maker is None:
        return route_verified(crowd, 0, answers)
    kept = kept_objects(answers, objects)
    start = Start.MASKS if kept else Start.EMPTY
    return Route(ItemState.OPEN, NextStep(maker, start, kept if kept else None, automatic_note(answers, kept)))


def redo_note(answers: Sequence[Answer], *, redo: int, of: int) -> str:
    """What the person who redoes the masks is told. Names no verifier."""
    return f"Redo {redo} of {of}. {said(answers)}"


def automatic_note(answers: Sequence[Answer], kept: Collection[ObjectId]) -> str:
    """What the person who goes on from automatic masks is told."""
    found = (
        f"Automatic masks, found satisfactory: {', '.join(kept)}." if kept else "No automatic mask was satisfactory."
    )
    return f"{found} {said(answers)}"


def said(answers: Sequence[Answer]) -> str:
    """The verdicts and comments as sentences, without names."""
    sentences = []
    for answer in answers:
        parts = [f"{answer.overall or 'no verdict'}{_quoted(answer.comment)}"]
        parts += [
            f"{object_id}: {each.verdict}{_quoted(each.comment)}" for object_id, each in sorted(answer.objects.items())
        ]
        if answer.limits is not None:
            parts.append(f"limits {answer.limits}")
        sentences.append("A verifier says: " + "; ".join(parts) + ".")
    return " ".join(sentences)


def verify_note(uncounted: Sequence[Counted]) -> str:
    """What everybody who opens a task to verify is told. Names no person."""
    told = "A verdict of a person who made these masks does not count."
    for why in Uncounted:
        number = sum(each.why is why for each in uncounted)
        if number and why is not Uncounted.AGAIN:
            verdicts = "1 verdict does" if number == 1 else f"{number} verdicts do"
            told += f" {verdicts} not count: {why}. The task waits for another person."
    return told


def wait_of_verification(judged: Sequence[Counted], verifiers: int) -> str:
    """Why a verification does not end; empty if it only waits for more people."""
    if sum(each.why is None for each in judged) >= verifiers:
        return ""
    if judged and all(each.why is Uncounted.MAKER for each in judged):
        return "the only verdicts are of people who made these masks: another person must verify them"
    missing = next((each for each in judged if each.why in (Uncounted.MISSING, Uncounted.UNNAMED)), None)
    return "" if missing is None else f"annotation {missing.answer.annotation_id} does not count: {missing.why}"


def edited_frames(prompts: PromptSet) -> int:
    """The most frames that a person prompted of one object; automatic prompts do not count."""
    frames: dict[ObjectId, set[int]] = {}
    for prompt in prompts:
        if prompt.automatic is None:
            frames.setdefault(prompt.object_id, set()).add(int(prompt.frame_index))
    return max(map(len, frames.values()), default=0)


def _quoted(comment: str) -> str:
    text = " ".join(comment.split())
    return f' "{text}"' if text else ""
