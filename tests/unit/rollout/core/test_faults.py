from __future__ import annotations

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.faults import (
    FAULTS,
    RequestModel,
    describe_fault,
    inject_fault,
    missing_guard,
)

WORLD = RequestModel(failing=0.01)


@pytest.mark.parametrize(
    ("fault", "met"),
    [
        ("none", RequestModel(failing=0.01, slow=0.05, wrong=0.1, shifted=0.0, loads=True, traffic=True)),
        ("errors", RequestModel(failing=0.03)),
        ("latency", RequestModel(failing=0.01, slow=0.2)),
        ("quality", RequestModel(failing=0.01, wrong=0.15)),
        ("shift", RequestModel(failing=0.01, shifted=0.8)),
        ("no-traffic", RequestModel(failing=0.01, traffic=False)),
        ("no-load", RequestModel(failing=0.01, loads=False)),
        ("dead-controller", WORLD),
        ("dead-server", WORLD),
    ],
)
def test_what_requests_meet(fault: str, met: RequestModel) -> None:
    found = inject_fault(WORLD, fault)
    assert vars(found) == pytest.approx(vars(met))


@pytest.mark.parametrize(("usual", "faulty"), [(0.0, 0.02), (0.005, 0.025), (0.02, 0.06), (0.5, 1.0)])
def test_errors_are_thrice_as_many_and_at_least_two_percent_more(usual: float, faulty: float) -> None:
    assert inject_fault(RequestModel(failing=usual), "errors").failing == pytest.approx(faulty)


def test_every_fault_has_words_and_an_unknown_one_a_neighbour() -> None:
    assert all(inject_fault(WORLD, fault) and describe_fault(fault) for fault in FAULTS)
    with pytest.raises(ConfigError, match=r"unknown fault 'erors' \(did you mean errors\?\); known: none, "):
        inject_fault(WORLD, "erors")


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
    assert missing_guard(fault, guards) == missing


def test_the_words_of_a_fault_are_those_of_the_help() -> None:
    assert {fault: describe_fault(fault) for fault in FAULTS} == {
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
