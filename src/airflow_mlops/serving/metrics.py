"""The server's figures in the Prometheus text format (version 0.0.4)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.ledger import BUCKETS


def exposition(fleet: Fleet, figures: Mapping[str, float]) -> str:
    """Return all metrics as text; ``figures`` by name come from the ledger."""
    lines = ["# TYPE mlops_serving_requests_total counter"]
    for name, count in sorted(figures.items()):
        if name.startswith("answers:"):
            _, version, status = name.split(":")
            lines.append(
                f'mlops_serving_requests_total{{version="{version}",status="{status}"}} {round(count)}'
            )
    lines += _single("mlops_serving_refused_total", "counter", round(figures.get("refused", 0)))
    lines += _single("mlops_serving_fallbacks_total", "counter", round(figures.get("fallbacks", 0)))
    lines += _single("mlops_serving_unlogged_total", "counter", round(figures.get("unlogged", 0)))
    lines += ["# TYPE mlops_serving_weight_percent gauge"]
    traffic = fleet.traffic
    shares = {version: traffic.weights.get(version, 0) for version in fleet.versions}
    if traffic.champion is not None:
        shares[traffic.champion] = 100 - sum(traffic.weights.values())
    lines += [f'mlops_serving_weight_percent{{version="{v}"}} {p}' for v, p in sorted(shares.items())]
    return "\n".join(lines + _histogram(figures)) + "\n"


def _single(name: str, kind: str, value: int) -> list[str]:
    return [f"# TYPE {name} {kind}", f"{name} {value}"]


def _histogram(figures: Mapping[str, float]) -> list[str]:
    name = "mlops_serving_latency_seconds"
    limits = (*BUCKETS, float("inf"))
    sums = list(accumulate(round(figures.get(f"bucket:{limit:g}", 0)) for limit in limits))
    shown = [*(f"{limit:g}" for limit in BUCKETS), "+Inf"]
    return [
        f"# TYPE {name} histogram",
        *(f'{name}_bucket{{le="{le}"}} {count}' for le, count in zip(shown, sums, strict=True)),
        f"{name}_sum {figures.get('seconds', 0.0):.6f}",
        f"{name}_count {sums[-1]}",
    ]
