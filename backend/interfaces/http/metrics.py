"""Figures for Prometheus: jobs, queue, workers, pushes as they are now; requests and waits as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.application.ports.measuring.measures import Measures
from backend.domain.jobs import JobKind, JobState
from backend.interfaces.http.status_poller import StatusPoller, StatusSnapshot
from backend.interfaces.http.worker_metrics import worker_metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

WAITS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 60.0, 90.0)
"""From a warm click on a GPU to the longest that a /predict may be held."""


class Metrics:
    """One app's registry: nothing is shared between two apps in a process."""

    def __init__(
        self,
        pulse: StatusPoller,
        read_measures: Callable[[], Mapping[str, Measures]] = dict,
        of_process: Collector | None = None,
    ) -> None:
        """read_measures: the measures of the live workers, by name. of_process: figures of this process alone."""
        self._pulse = pulse
        self._registry = CollectorRegistry()
        self._predict_seconds = Histogram(
            "masklet_predict_seconds",
            "How long /predict was held, by kind of call and status",
            ("kind", "status"),
            buckets=WAITS_S,
            registry=self._registry,
        )
        self._requests = Counter(
            "masklet_http_requests", "Requests by route and status", ("route", "status"), registry=self._registry
        )
        self._registry.register(_Now(pulse, read_measures))
        if of_process is not None:
            self._registry.register(of_process)

    def observe_predict(self, kind: str, status: int, seconds: float) -> None:
        self._predict_seconds.labels(kind, str(status)).observe(seconds)

    def count_request(self, route: str, status: int) -> None:
        """route: the path's pattern, not the path, so that strangers cannot make up new series."""
        self._requests.labels(route, str(status)).inc()

    def text(self) -> str:
        """The exposition, with figures taken now. Blocks for as long as the services take to answer."""
        self._pulse.take()
        return generate_latest(self._registry).decode()


class RequestCount:
    """ASGI middleware that counts every reply under its route's pattern."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.count_request(route, message["status"])
            await send(message)

        await self._app(scope, receive, counted)


class _Now(Collector):
    """Reads the pulse's last figures when the registry is written out."""

    def __init__(self, pulse: StatusPoller, read_measures: Callable[[], Mapping[str, Measures]]) -> None:
        self._pulse = pulse
        self._read_measures = read_measures

    def collect(self) -> Iterator[Metric]:
        figures = self._pulse.snapshot
        yield _jobs(figures)
        yield _queue_ages(figures)
        yield GaugeMetricFamily("masklet_queue_up", "Whether the queue answers", value=not figures.queue_trouble)
        for name, help_text, counts in (
            ("masklet_queue_depth", "Jobs waiting in the queue", figures.depths),
            ("masklet_workers", "Live workers by the queue they serve", figures.workers),
        ):
            family = GaugeMetricFamily(name, help_text, labels=("queue",))
            for kind, count in (counts or {}).items():
                family.add_metric((kind,), count)
            yield family
        yield GaugeMetricFamily(
            "masklet_pushes_pending", "Predictions that have yet to reach Label Studio", value=figures.pushes_pending
        )
        yield _failed_tries(figures)
        yield _model(figures)
        yield from worker_metrics(self._read_measures())


def _jobs(figures: StatusSnapshot) -> Metric:
    family = GaugeMetricFamily("masklet_jobs", "Jobs in the ledger", labels=("kind", "state"))
    for kind in JobKind:
        for state in JobState:
            family.add_metric((kind, state), figures.jobs.get((kind, state), 0))
    return family


def _queue_ages(figures: StatusSnapshot) -> Metric:
    family = GaugeMetricFamily(
        "masklet_oldest_queued_seconds",
        "How long the longest waiting job has been queued, without those that are put off; 0 without one",
        labels=("kind",),
    )
    for kind, seconds in figures.oldest_queued_s.items():
        family.add_metric((kind,), seconds)
    return family


def _failed_tries(figures: StatusSnapshot) -> Metric:
    family = GaugeMetricFamily(
        "masklet_failed_tries",
        "What failed and is tried again later, or was given up, by kind and cause",
        labels=("kind", "cause", "given_up"),
    )
    for (kind, cause, is_given_up), count in figures.failed_tries.items():
        family.add_metric((kind, cause, str(is_given_up).lower()), count)
    return family


def _model(figures: StatusSnapshot) -> Metric:
    family = GaugeMetricFamily("masklet_model_info", "The model in use", labels=("name", "version", "device"))
    if figures.model is not None:
        family.add_metric((figures.model.name, figures.model.version, figures.model.device), 1)
    return family
