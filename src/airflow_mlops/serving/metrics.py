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
EARLIER: Final = "earlier"
"""The version of answers that were counted before latencies were counted by version."""
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
        yield self._latency()

    def _latency(self) -> Metric:
        family = HistogramMetricFamily(
            "mlops_serving_latency_seconds",
            "Time from request to answer, by the version that the request was routed to.",
            labels=["version"],
        )
        names = [f"{limit:g}" for limit in (*BUCKETS, float("inf"))]
        for version in sorted({_latency_of(name) for name in self._figures} - {None}, key=_number):
            # Servers before 0.2 had one figure for all versions.
            prefix, total = (
                ("bucket", "seconds") if version == EARLIER else (f"bucket:{version}", f"seconds:{version}")
            )
            counts = accumulate(self._figures.get(f"{prefix}:{name}", 0) for name in names)
            buckets = list(zip([*names[:-1], "+Inf"], counts, strict=True))
            family.add_metric([str(version)], buckets=buckets, sum_value=self._figures.get(total, 0.0))
        return family


def _latency_of(figure: str) -> str | None:
    """Return the version whose latency a figure is about, None for another figure."""
    kind, *parts = figure.split(":")
    if kind != "bucket":
        return None
    return parts[0] if len(parts) == 2 else EARLIER


def _number(version: str | None) -> tuple[int, str]:
    return (int(version), "") if version and version.isdecimal() else (0, version or "")
