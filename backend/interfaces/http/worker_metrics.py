"""The workers' measures in Prometheus' form: they have no address of their own, so the web process tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from backend.application.ports.measuring.measures import BUCKETS_S, Measures, Times

GAUGES = {
    "device_memory_bytes": "Memory that the worker holds on its device; on a CPU its resident set",
    "mask_cache_bytes": "Size of the cache of masks on the worker's disk",
    "device_memory_total_bytes": "Memory of the worker's device; on a CPU the machine's",
}


def worker_metrics(measures: Mapping[str, Measures]) -> Iterator[Metric]:
    """measures: by worker. Sums start at 0 with a worker's process."""
    frames = CounterMetricFamily("masklet_worker_frames", "Frames whose masks were computed", labels=("worker",))
    steps = HistogramMetricFamily(
        "masklet_worker_step_seconds",
        "Time of one step of a job: fetch, decode, model, encode, store",
        labels=("worker", "step"),
    )
    lookups = CounterMetricFamily(
        "masklet_cache_lookups", "Looks into a cache by their result", labels=("worker", "cache", "result")
    )
    gauges = {
        name: GaugeMetricFamily(f"masklet_worker_{name}", told, labels=("worker",)) for name, told in GAUGES.items()
    }
    for worker, of_worker in measures.items():
        frames.add_metric((worker,), of_worker.frames)
        for step, times in of_worker.times.items():
            steps.add_metric((worker, step), _buckets(times), times.total_s)
        for cache, (hits, misses) in of_worker.lookups.items():
            lookups.add_metric((worker, cache, "hit"), hits)
            lookups.add_metric((worker, cache, "miss"), misses)
        for name, value in of_worker.gauges.items():
            if name in gauges:
                gauges[name].add_metric((worker,), value)
    yield from (frames, steps, lookups, *gauges.values())


def _buckets(times: Times) -> list[tuple[str, float]]:
    """Counts up to each end, as Prometheus has them."""
    ends = (*map(str, BUCKETS_S), "+Inf")
    return list(zip(ends, accumulate(times.counts), strict=False))
