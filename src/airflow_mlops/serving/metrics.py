"""The server's figures in the Prometheus text format (version 0.0.4)."""

from __future__ import annotations

from itertools import accumulate

from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.ledger import BUCKETS, Tally


def exposition(fleet: Fleet, tally: Tally) -> str:
    """Return all metrics as text."""
    lines = ["# TYPE mlops_serving_requests_total counter"]
    for (version, status), count in sorted(tally.answers.items()):
        lines.append(f'mlops_serving_requests_total{{version="{version}",status="{status}"}} {count}')
    lines += _single("mlops_serving_refused_total", "counter", tally.refused)
    lines += _single("mlops_serving_fallbacks_total", "counter", tally.fallbacks)
    lines += ["# TYPE mlops_serving_weight_percent gauge"]
    traffic = fleet.traffic
    shares = {version: traffic.weights.get(version, 0) for version in fleet.slots}
    if traffic.champion is not None:
        shares[traffic.champion] = 100 - sum(traffic.weights.values())
    lines += [f'mlops_serving_weight_percent{{version="{v}"}} {p}' for v, p in sorted(shares.items())]
    return "\n".join(lines + _histogram(tally)) + "\n"


def _single(name: str, kind: str, value: int) -> list[str]:
    return [f"# TYPE {name} {kind}", f"{name} {value}"]


def _histogram(tally: Tally) -> list[str]:
    name = "mlops_serving_latency_seconds"
    limits = (*BUCKETS, float("inf"))
    sums = list(accumulate(tally.buckets[limit] for limit in limits))
    shown = [*(f"{limit:g}" for limit in BUCKETS), "+Inf"]
    return [
        f"# TYPE {name} histogram",
        *(f'{name}_bucket{{le="{le}"}} {count}' for le, count in zip(shown, sums, strict=True)),
        f"{name}_sum {tally.seconds:.6f}",
        f"{name}_count {sums[-1]}",
    ]
