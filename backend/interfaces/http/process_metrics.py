"""Figures of one web process alone: the loops that it runs, and its cache of masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backend.application.jobs.leases import LeaseKeeper
from backend.application.ports.measuring.measures import MASK_CACHE, measures


@dataclass(eq=False, slots=True)
class ProcessMetrics(Collector):
    """leases: None: this process runs all loops, and tells none. mask_cache_bytes: None without a cache of masks.

    Labels are names of loops and results of looks, never processes: Prometheus adds the address that it asked.
    """

    leases: LeaseKeeper | None = None
    mask_cache_bytes: Callable[[], int] | None = None

    def collect(self) -> Iterator[Metric]:
        yield from self._leases()
        yield from self._mask_cache()

    def _leases(self) -> Iterator[Metric]:
        held = GaugeMetricFamily("masklet_lease_held", "Whether this web process runs the loop", labels=("loop",))
        tokens = GaugeMetricFamily(
            "masklet_lease_token", "The number of the loop's holder, which grows with every new one", labels=("loop",)
        )
        if self.leases is not None:
            for name in self.leases.names:
                held.add_metric((name,), self.leases.holds(name))
            for lease in self.leases.seen:
                tokens.add_metric((lease.name,), lease.token)
        yield from (held, tokens)

    def _mask_cache(self) -> Iterator[Metric]:
        lookups = CounterMetricFamily(
            "masklet_mask_cache_lookups", "Looks of this web process into the cache of masks", labels=("result",)
        )
        held = GaugeMetricFamily("masklet_mask_cache_bytes", "Size of the cache of masks on this host's disk")
        if self.mask_cache_bytes is not None:
            hits, misses = measures().lookups.get(MASK_CACHE, (0, 0))
            lookups.add_metric(("hit",), hits)
            lookups.add_metric(("miss",), misses)
            held.add_metric((), self.mask_cache_bytes())
        yield from (lookups, held)
