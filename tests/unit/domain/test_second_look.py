"""What findings make of an uncertainty."""

from __future__ import annotations

import math

import pytest

from backend.domain.second_look import Findings, SecondOpinion, Weights, second_opinion_of

OPINION = SecondOpinion(
    (
        Weights(-1.0, 1.0, {"forward_backward": 2.0}),
        Weights(0.0, 0.5, {"forward_backward": 1.0, "cycle": 3.0}),
    )
)


def test_each_set_of_findings_has_weights_of_its_own() -> None:
    found = OPINION.uncertainty(0.5, Findings(forward_backward=0.5))
    assert found == pytest.approx(0.5)
    found = OPINION.uncertainty(0.5, Findings(1.0, 1.0))
    assert found == pytest.approx(1 / (1 + math.exp(-4.0)))


def test_findings_without_weights_have_no_say() -> None:
    cycle_alone = SecondOpinion((Weights(0.0, 1.0, {"cycle": 1.0}),))
    assert cycle_alone.names == {"cycle"}
    assert OPINION.names == {"forward_backward", "cycle"}
    assert cycle_alone.uncertainty(0.5, Findings(1.0, 0.5)) == cycle_alone.uncertainty(0.5, Findings(None, 0.5)) > 0.5


def test_disagreement_raises_and_agreement_lowers() -> None:
    agree, differ = (OPINION.uncertainty(0.4, Findings(value)) for value in (0.0, 1.0))
    assert agree < 0.4 < differ


@pytest.mark.parametrize("findings", [Findings(), Findings(cycle=1.0)])
def test_what_was_not_learnt_changes_nothing(findings: Findings) -> None:
    assert OPINION.uncertainty(0.3, findings) == 0.3


def test_it_survives_its_document() -> None:
    assert second_opinion_of(OPINION.document()) == OPINION


@pytest.mark.parametrize(
    "listed",
    [
        [],
        "x",
        [{"bias": 0.0, "uncertainty": 1.0, "findings": {}}],
        [{"bias": 0.0, "uncertainty": 1.0, "findings": {"other": 1.0}}],
        [{"bias": math.nan, "uncertainty": 1.0, "findings": {"cycle": 1.0}}],
    ],
)
def test_other_documents_are_refused(listed: object) -> None:
    with pytest.raises(ValueError, match="the second look"):
        second_opinion_of(listed)
