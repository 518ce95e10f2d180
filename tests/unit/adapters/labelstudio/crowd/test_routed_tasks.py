"""What routing reads of a saved annotation."""

from __future__ import annotations

from typing import Any

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.crowd.routed_tasks import submission_of
from backend.application.crowd.routing.ports import Submission
from backend.domain.crowd.routing import Limits
from backend.domain.verdicts import Verdict


def choice(name: str, value: object) -> dict[str, Any]:
    return {"from_name": name, "to_name": "player", "type": "choices", "value": {"choices": value}}


def read(*result: object) -> Submission:
    return submission_of(AnnotationRecord(7, "3", False, list(result), "Ann ann@example.org, 3", "2026-01-01"))


def test_the_controls_of_the_config_to_verify_are_read() -> None:
    text = {"from_name": "comment", "to_name": "player", "type": "textarea", "value": {"text": ["an ear", "a paw"]}}
    given = read(choice("verdict", ["redo"]), choice("limits", ["ambiguous"]), text)
    expected = Submission(7, "ann@example.org", False, "2026-01-01", Verdict.REDO, Limits.AMBIGUOUS, "an ear\na paw")
    assert given == expected


def test_other_regions_and_values_are_left_out() -> None:
    region = {"from_name": "box", "type": "videorectangle", "value": {"sequence": [], "labels": ["Cat"]}}
    assert read(region, choice("verdict", ["perhaps"]), choice("weather", ["redo"]), "nonsense", {"value": 3}) == (
        Submission(7, "ann@example.org", False, "2026-01-01")
    )
    assert read(choice("verdict", [])).verdict is None
