"""docker/monitoring: every figure and label that the alert rules and the dashboard name is one that /metrics tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from backend.adapters.machine.processes import is_dead, own_place
from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.jobs.leases import LeaseKeeper
from backend.application.ports.measuring.measures import MASK_CACHE, gauged, looked_up, measures
from backend.domain.jobs import JobKind
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import TaskKey
from tests.fakes.stores import closed_stores
from tests.fakes.web import FakeWeb, keypoint, pages_task, predict_body

MONITORING = Path(__file__).parents[2] / "docker" / "monitoring"
RULES = [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((MONITORING / "grafana.json").read_text())["panels"]
SCALED_BY = [
    (measured["external"]["metric"]["name"], measured["external"]["metric"]["selector"]["matchLabels"]["kind"])
    for scaler in yaml.safe_load_all((MONITORING.parent / "kubernetes" / "base" / "autoscaling.yaml").read_text())
    for measured in scaler["spec"]["metrics"]
]
ADAPTED = yaml.safe_load((MONITORING / "prometheus-adapter.yml").read_text())["rules"]["external"]
EXPRESSIONS = {
    **{f"scaled by {kind}": f'{name}{{kind="{kind}"}}' for name, kind in SCALED_BY},
    **{f"alert {rule['alert']}": rule["expr"] for rule in RULES},
    **{f"{panel['title']} {query['refId']}": query["expr"] for panel in PANELS for query in panel["targets"]},
}

Samples = dict[str, list[dict[str, str]]]
"""The labels of the samples of a figure, by its name."""


@pytest.fixture(scope="module")
def told() -> Iterator[Samples]:
    """The samples of /metrics after a click, its propagation, and a failed push, with the measures of this process."""
    with closed_stores():
        yield _samples(FakeWeb())


def _samples(web: FakeWeb) -> Samples:
    web.queue.worker_counts = {JobKind.INTERACTIVE: 1, JobKind.PROPAGATE: 0}
    assert isinstance(web.stored, SqlLedger)
    leases = LeaseKeeper(web.stored, web.clock, own_place(), is_dead, ("reconciler",))
    leases.renew()
    web.parts = replace(
        web.parts,
        read_measures=lambda: {"propagate-host-1": measures()},
        leases=leases,
        mask_cache_bytes=lambda: 1000,
    )
    client = web.client()
    client.post("/predict", json=predict_body(pages_task(), regions=[keypoint()]))
    client.post("/predict", json=predict_body("x", regions=[keypoint()]))
    web.work_off_all()
    # The engine of these tests keeps no features, and its masks lie in files.
    looked_up("features", is_hit=True)
    looked_up(MASK_CACHE, is_hit=True)
    web.stored.record_failure(FailedTry(FailureKind.PUSH, "1/7 m", TaskKey(1, 7), Failures("LabelStudioRefused", 3)))
    with (
        gauged("device_memory_bytes", lambda: 1.0),
        gauged("device_memory_total_bytes", lambda: 2.0),
        gauged("mask_cache_bytes", lambda: 1000.0),
    ):
        families = list(text_string_to_metric_families(client.get("/metrics").text))
    samples: Samples = {}
    for sample in (sample for family in families for sample in family.samples):
        samples.setdefault(sample.name, []).append(sample.labels)
    return samples


def test_figures_exist(told: Samples) -> None:
    missing = []
    for name, expression in EXPRESSIONS.items():
        named = re.findall(r"\b(masklet_\w+)(?:\{([^}]*)\})?", expression)
        assert named, name
        missing += [(name, figure) for figure, _ in named if figure not in told]
        for figure, selector in named:
            for label, how, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', selector):
                values = {labels.get(label) for labels in told.get(figure, [])}
                # Whether something was given up depends on the day.
                if None in values or (how == "=" and label != "given_up" and value not in values):
                    missing.append((name, f"{figure} {label} {value}"))
    assert missing == []


def test_figures_have_the_labels_they_are_grouped_by(told: Samples) -> None:
    for name, expression in EXPRESSIONS.items():
        figures = re.findall(r"\bmasklet_\w+", expression)
        known = {label for figure in figures for labels in told[figure] for label in labels}
        grouped = {each.strip() for some in re.findall(r"\bby \(([^)]*)\)", expression) for each in some.split(",")}
        assert grouped <= known, name


def test_kubernetes_gets_the_figures_by_which_it_scales() -> None:
    assert {name for name, _ in SCALED_BY} <= {rule["name"]["as"] for rule in ADAPTED}
    assert all(rule["seriesQuery"] == rule["name"]["as"] for rule in ADAPTED)


def test_rules_tell_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_panels_do_not_cover_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS]
    assert len({panel["id"] for panel in PANELS}) == len(set(places)) == len(PANELS)
