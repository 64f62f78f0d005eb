"""The server's figures as Prometheus metrics.

The figures of all workers are added up in the database, so that any worker answers for all and nothing is
lost with a process; ``prometheus_client`` only writes them down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.ledger import BUCKETS

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_COUNTERS: Final = {
    "refused": "Requests that no model could answer: the caller's fault.",
    "fallbacks": "Requests that the champion answered in place of a canary.",
    "unlogged": "Requests that are counted and missing in the request log, as the disk refused.",
}


def exposition(fleet: Fleet, figures: Mapping[str, float]) -> bytes:
    """Return all metrics in the text format; ``figures`` by name come from the ledger."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(fleet, figures))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, fleet: Fleet, figures: Mapping[str, float]) -> None:
        self._fleet = fleet
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "mlops_serving_requests",
            "Requests by the version that they were routed to.",
            labels=["version", "status"],
        )
        for name, count in sorted(self._figures.items()):
            if name.startswith("answers:"):
                requests.add_metric(name.split(":")[1:], count)
        yield requests
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"mlops_serving_{name}", text, value=self._figures.get(name, 0))
        traffic = self._fleet.traffic
        shares = {version: traffic.weights.get(version, 0) for version in self._fleet.versions}
        if traffic.champion is not None:
            shares[traffic.champion] = 100 - sum(traffic.weights.values())
        weights = GaugeMetricFamily(
            "mlops_serving_weight_percent", "Share of the traffic.", labels=["version"]
        )
        for version, percent in sorted(shares.items()):
            weights.add_metric([str(version)], percent)
        yield weights
        names = [f"{limit:g}" for limit in (*BUCKETS, float("inf"))]
        counts = accumulate(self._figures.get(f"bucket:{name}", 0) for name in names)
        yield HistogramMetricFamily(
            "mlops_serving_latency_seconds",
            "Time from request to answer.",
            buckets=list(zip([*names[:-1], "+Inf"], counts, strict=True)),
            sum_value=self._figures.get("seconds", 0.0),
        )
