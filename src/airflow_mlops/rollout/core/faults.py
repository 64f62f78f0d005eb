"""The faults that a simulated rollout can have. Imports nothing heavy: help texts list them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean


@dataclass(frozen=True, kw_only=True)
class RequestModel:
    """How requests to a version end: the shares (0 to 1) of failures, slow answers and wrong predictions.

    ``shifted`` moves that share of the scores from the upper half of the deciles to the lower one.
    """

    failing: float
    slow: float = 0.05
    wrong: float = 0.1
    shifted: float = 0.0
    loads: bool = True
    traffic: bool = True


_FAULTS: Final[Mapping[str, str]] = {
    "none": "the version equals the champion",
    "errors": "the version fails three times as often as the champion, and at least 2 % more",
    "latency": "the version is slower than the champion's 95th percentile four times as often",
    "quality": "the version is wrong 1.5 times as often",
    "shift": "four in five of the version's upper scores fall into the lower deciles",
    "no-traffic": "there are no requests",
    "no-load": "the version does not load",
    "dead-controller": "the controller dies in the first step, another one comes an hour later",
    "dead-server": "the model server dies in the first step and is back an hour later",
}
FAULTS: Final = tuple(_FAULTS)
_DETECTED_BY: Final = {"latency": "latency_p95", "quality": "quality", "shift": "prediction_shift"}


def missing_guard(fault: str, guards: Iterable[str]) -> str:
    """Return the guard that would detect a fault and is not among ``guards``; empty when there is none."""
    guard = _DETECTED_BY.get(fault, "")
    return guard if guard and not any(name.startswith(guard) for name in guards) else ""


def inject_fault(world: RequestModel, fault: str) -> RequestModel:
    """Return how requests to a canary with a fault end; raises ConfigError for an unknown fault."""
    changes: Mapping[str, RequestModel] = {
        "none": world,
        "errors": replace(world, failing=min(1.0, max(3 * world.failing, world.failing + 0.02))),
        "latency": replace(world, slow=4 * world.slow),
        "quality": replace(world, wrong=1.5 * world.wrong),
        "shift": replace(world, shifted=0.8),
        "no-traffic": replace(world, traffic=False),
        "no-load": replace(world, loads=False),
        "dead-controller": world,
        "dead-server": world,
    }
    if fault not in changes:
        near = did_you_mean(fault, FAULTS)
        raise ConfigError(f"unknown fault {fault!r}{near}; known: {', '.join(FAULTS)}")
    return changes[fault]


def describe_fault(fault: str) -> str:
    """Return what a fault of ``FAULTS`` means, in words."""
    return _FAULTS[fault]
