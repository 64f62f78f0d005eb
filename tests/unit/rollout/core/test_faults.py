from __future__ import annotations

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.faults import FAULTS, World, fault_in_words, unwatched, with_fault

WORLD = World(failing=0.01)


@pytest.mark.parametrize(
    ("fault", "met"),
    [
        ("none", World(failing=0.01, slow=0.05, wrong=0.1, shifted=0.0, loads=True, traffic=True)),
        ("errors", World(failing=0.03)),
        ("latency", World(failing=0.01, slow=0.2)),
        ("quality", World(failing=0.01, wrong=0.15)),
        ("shift", World(failing=0.01, shifted=0.8)),
        ("no-traffic", World(failing=0.01, traffic=False)),
        ("no-load", World(failing=0.01, loads=False)),
        ("dead-controller", WORLD),
        ("dead-server", WORLD),
    ],
)
def test_what_requests_meet(fault: str, met: World) -> None:
    found = with_fault(WORLD, fault)
    assert vars(found) == pytest.approx(vars(met))


@pytest.mark.parametrize(("usual", "faulty"), [(0.0, 0.02), (0.005, 0.025), (0.02, 0.06), (0.5, 1.0)])
def test_errors_are_thrice_as_many_and_at_least_two_percent_more(usual: float, faulty: float) -> None:
    assert with_fault(World(failing=usual), "errors").failing == pytest.approx(faulty)


def test_every_fault_has_words_and_an_unknown_one_a_neighbour() -> None:
    assert all(with_fault(WORLD, fault) and fault_in_words(fault) for fault in FAULTS)
    with pytest.raises(ConfigError, match=r"unknown fault 'erors' \(did you mean errors\?\); known: none, "):
        with_fault(WORLD, "erors")


@pytest.mark.parametrize(
    ("fault", "guards", "missing"),
    [
        ("latency", ["latency_p95 pause"], ""),
        ("latency", ["quality"], "latency_p95"),
        ("quality", [], "quality"),
        ("quality", ["latency_p95", "quality"], ""),
        ("shift", ["error_rate"], "prediction_shift"),
        ("errors", [], ""),
        ("no-load", [], ""),
    ],
)
def test_a_fault_that_no_guard_would_see(fault: str, guards: list[str], missing: str) -> None:
    assert unwatched(fault, guards) == missing
