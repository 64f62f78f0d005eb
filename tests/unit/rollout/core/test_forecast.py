from __future__ import annotations

import dataclasses
import math
import re

import pytest

from airflow_mlops.rollout.core import GuardPlan
from airflow_mlops.rollout.core.forecast import (
    forecast,
    format_duration,
    requests_to_pass,
    requests_to_roll_back,
)
from airflow_mlops.rollout.core.labels_to_come import LabelsToCome
from tests.support.rollout import GUARDED_PLAN as PLAN

LIMIT = math.log(40)


def test_a_plan_with_traffic_has_no_warnings_and_one_without_says_why() -> None:
    busy = forecast(PLAN, rps=200, error_rate=0.01)
    assert [step.warnings for step in busy.steps] == [(), ()]
    assert busy.proposals == ()
    assert "at most 5%" in busy.guarantee
    assert "4 guards" in busy.guarantee
    quiet = forecast(PLAN, rps=0.1, error_rate=0.001)
    assert "cannot be judged: 36 canary requests within its limit of 1h" in quiet.steps[0].warnings[0]
    assert any(text.startswith("shadow: ") for text in quiet.proposals)
    silent = forecast(PLAN, rps=0, error_rate=0.01)
    assert all(step.warnings for step in silent.steps)
    assert "no traffic" in silent.proposals[0]


def test_a_shadow_is_a_step_of_its_own() -> None:
    found = forecast(dataclasses.replace(PLAN, shadow_s=900), rps=200, error_rate=0.01)
    assert [step.percent for step in found.steps] == [0, 10, 50]
    assert found.shortest_s >= 900


def test_a_plan_for_few_sticky_callers_says_that_they_run_out() -> None:
    fine = forecast(PLAN, rps=200, error_rate=0.01, callers=10_000_000)
    assert fine == forecast(PLAN, rps=200, error_rate=0.01)
    few = forecast(PLAN, rps=200, error_rate=0.01, callers=1500)
    assert "1,500 callers count once each" in few.steps[0].warnings[0]
    assert "random routing" in few.proposals[0]
    nobody = forecast(PLAN, rps=200, error_rate=0.01, callers=20)
    assert "2 canary requests from 20 callers, who count once" in nobody.steps[0].warnings[0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.2, "1s"), (59, "59s"), (60, "1m"), (90, "1.5m"), (3599, "60m"), (3600, "1h"),
        (7200, "2h"), (86_399, "24h"), (86_400, "1d"), (129_600, "1.5d"),
        (172_800, "2d"), (math.inf, "forever"),
    ],
)  # fmt: skip
def test_times_in_words(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def _expected_log_e(requests: float, ratio: float, share: float, rate: float, null: float = 1.0) -> float:
    """Return the evidence at the events to be expected, from the definition of the process."""
    worse = [null * 1.1 * (16 / 1.1) ** (i / 23) for i in range(24)]
    bell = [math.exp(-2 * (math.log(r / null) - math.log(2)) ** 2) for r in worse]
    ours, theirs = requests * share * rate * ratio, requests * (1 - share) * rate
    logs = [
        ours * math.log(r / null)
        + (ours + theirs) * math.log((1 - share + share * null) / (1 - share + share * r))
        for r in worse
    ]
    weights = [0.85 * height / sum(bell) + 0.15 / 24 for height in bell]
    return math.log(math.fsum(w * math.exp(x) for w, x in zip(weights, logs, strict=True)))


@pytest.mark.parametrize(
    ("ratio", "share", "rate", "null"),
    [(2.0, 0.5, 0.01, 1.0), (1.5, 0.05, 0.02, 1.0), (4.0, 0.25, 0.05, 2.0), (3.0, 0.9, 0.1, 1.0)],
)
def test_harm_is_found_after_just_as_many_requests_as_the_evidence_needs(
    ratio: float, share: float, rate: float, null: float
) -> None:
    found = requests_to_roll_back(ratio, share, rate, LIMIT, null)
    assert _expected_log_e(found, ratio, share, rate, null) >= LIMIT
    assert _expected_log_e(found * 0.998 - 1, ratio, share, rate, null) < LIMIT


def test_a_good_canary_passes_by_the_ratio_or_by_the_tolerance_whichever_is_sooner() -> None:
    guard = GuardPlan(name="error_rate", max_ratio=2.0, tolerance=0.02)
    # Without any failure only the tolerance can pass: 158 requests of the canary, as documented.
    assert requests_to_pass(guard, 1.0, 0.0, math.log(20)) == 158
    assert requests_to_pass(guard, 0.5, 0.0, math.log(20)) == 316
    alone = dataclasses.replace(guard, tolerance=None)
    assert math.isinf(requests_to_pass(alone, 0.5, 0.0, math.log(20)))
    by_ratio = requests_to_pass(alone, 0.5, 0.1, math.log(20))
    assert requests_to_pass(guard, 0.5, 0.1, math.log(20)) == by_ratio  # far above the tolerance
    assert requests_to_pass(guard, 0.5, 0.002, math.log(20)) < requests_to_pass(
        alone, 0.5, 0.002, math.log(20)
    )


def test_each_step_has_the_needs_of_its_guards() -> None:
    plan = dataclasses.replace(PLAN, shadow_s=60)
    found = forecast(plan, rps=50, error_rate=0.01, wrong_rate=0.2)
    shadow, first, second = found.steps
    assert [need.guard for need in first.needs] == ["error_rate", "latency_p95", "quality"]
    assert [need.rate for need in first.needs] == [0.01, 0.05, 0.2]
    limit = math.log(5 / 0.05)
    for step, share, factor in ((shadow, 0.5, 0.5), (first, 0.1, 1), (second, 0.5, 1)):
        for need, null in zip(step.needs, (1.0, 2.0, 1.0), strict=True):
            assert set(need.worse) == {1.5, 2.0}
            if need.guard == "quality" and step.percent:
                continue  # see test_quality_forecast.py
            for ratio, requests in need.worse.items():
                assert requests == factor * requests_to_roll_back(ratio, share, need.rate, limit, null)
        errors = GuardPlan(name="error_rate", max_ratio=2.0, tolerance=0.02)
        assert step.needs[0].good == factor * requests_to_pass(errors, share, 0.01, math.log(20))
    assert shadow.needs[2].good == requests_to_pass(PLAN.guards[1], 0.5, 0.2, math.log(20)) / 2
    assert found.rps == 50
    plain = forecast(dataclasses.replace(PLAN, guards=()), rps=50, error_rate=0.01)
    assert plain.guarantee.endswith("(alpha 0.05 shared with the hard floor)")
    assert found.guarantee.endswith("(alpha 0.05 shared by 4 guards and the hard floor)")


def test_the_shortest_time_is_the_longest_need_of_each_step() -> None:
    plan = dataclasses.replace(PLAN, guards=(), steps=(10, 50), hold_s=60.0, min_requests=100)
    for rps in (0.5, 20.0, 5000.0):
        found = forecast(plan, rps=rps, error_rate=0.01)
        by_step = [
            max(60.0, 100 / (rps * step.percent / 100), step.needs[0].good / rps) for step in found.steps
        ]
        assert found.shortest_s == pytest.approx(sum(by_step))
    shadowed = dataclasses.replace(plan, shadow_s=30.0, steps=(50,))
    found = forecast(shadowed, rps=2.0, error_rate=0.01)
    assert found.shortest_s == pytest.approx(50 + found.steps[1].needs[0].good / 2)
    assert math.isinf(forecast(plan, rps=0, error_rate=0.01).shortest_s)
    none = forecast(dataclasses.replace(plan, steps=()), rps=5, error_rate=0.01)
    assert (none.shortest_s, none.steps) == (0, ())


def _expected_tolerance_log_e(requests: float, share: float, rate: float, tolerance: float) -> float:
    """Return the evidence for a rate below the tolerance at the failures to be expected, by its definition.

    The half of the weight that is on "no failure at all" is lost with the first one.
    """
    failed, fine = requests * share * rate, requests * share * (1 - rate)
    return math.log(
        math.fsum(
            0.1 * part**failed * ((1 - part * tolerance) / (1 - tolerance)) ** fine
            for part in (0.01, 0.03, 0.1, 0.25, 0.5)
        )
    )


@pytest.mark.parametrize(("share", "rate", "tolerance"), [(0.5, 0.002, 0.02), (0.1, 0.001, 0.03)])
def test_a_rate_far_below_the_tolerance_passes_after_just_as_many_requests(
    share: float, rate: float, tolerance: float
) -> None:
    limit = math.log(20)
    found = requests_to_pass(
        GuardPlan(name="error_rate", max_ratio=1.01, tolerance=tolerance), share, rate, limit
    )
    assert _expected_tolerance_log_e(found, share, rate, tolerance) >= limit
    assert _expected_tolerance_log_e(found * 0.998 - 1, share, rate, tolerance) < limit


PLAIN = dataclasses.replace(PLAN, guards=(), steps=(50,), min_requests=1)


def test_a_wrong_prediction_in_ten_is_assumed_when_nothing_is_known() -> None:
    [need] = [n for n in forecast(PLAN, rps=1, error_rate=0.01).steps[0].needs if n.guard == "quality"]
    assert need.rate == 0.1


def test_a_step_that_is_just_long_enough_has_no_warnings() -> None:
    """5,324 requests show twice the failures, as documented; 3,600 of them are good in an hour."""
    [need] = forecast(PLAIN, rps=1, error_rate=0.01).steps[0].needs
    assert need.worse[2.0] == 5324

    def warnings(seconds: float) -> tuple[str, ...]:
        plan = dataclasses.replace(PLAIN, step_timeout_s=seconds)
        return forecast(plan, rps=1, error_rate=0.01).steps[0].warnings

    assert warnings(max(5324, need.good)) == ()
    seen = "twice the events of error_rate take 5,324 requests (1.5h) to be seen"
    assert warnings(5323)[-1] == f"{seen}, the step ends after 1.5h"
    assert not any("good version" in text for text in warnings(need.good))
    good = f"error_rate cannot be judged: a good version needs {need.good:,.0f} requests"
    assert any(text.startswith(good) for text in warnings(need.good - 1))
    assert warnings(600) == (
        f"{good} ({format_duration(need.good)}), the step ends after 10m",
        f"{seen}, the step ends after 10m",
    )


def test_slow_answers_need_not_be_twice_as_many_to_be_seen() -> None:
    """Harm begins at the margin of this guard, which is twice as many."""
    quiet = forecast(PLAN, rps=1, error_rate=0.01).steps[0]
    assert math.isinf(quiet.needs[1].worse[2.0])
    assert not any("twice the events of latency_p95" in text for text in quiet.warnings)


def test_a_good_version_that_can_never_pass_needs_forever() -> None:
    guard = GuardPlan(name="quality", max_ratio=1.5)
    plan = dataclasses.replace(PLAIN, guards=(guard,))
    step = forecast(plan, rps=100, error_rate=0.01, wrong_rate=0.0).steps[0]
    assert step.warnings == (
        "quality cannot be judged: a good version needs forever, the step ends after 1h",
        "twice the events of quality take forever to be seen, the step ends after 1h",
    )


@pytest.mark.parametrize(
    ("change", "rps", "callers", "told"),
    [
        ({"min_requests": 360, "steps": (10,)}, 1, None, None),
        ({"min_requests": 361, "steps": (10,)}, 1, None, "360 canary requests within its limit of 1h"),
        ({"min_requests": 100}, 0.01, None, "18 canary requests within its limit of 1h"),
        ({"min_requests": 100}, 0.01, 36, "18 canary requests within its limit of 1h"),
        ({"min_requests": 100}, 0.01, 35, "18 canary requests from 35 callers, who count once"),
        ({"min_requests": 100, "shadow_s": 600}, 0.01, None, "42 canary requests within its limit of 1.2h"),
        (
            {"min_requests": 50, "shadow_s": 600},
            0.1,
            40,
            "40 canary requests from 40 callers, who count once",
        ),
    ],
)
def test_a_step_needs_its_least_number_of_canary_requests(
    change: dict[str, object], rps: float, callers: int | None, told: str | None
) -> None:
    plan = dataclasses.replace(PLAIN, **change)  # type: ignore[arg-type]
    warnings = forecast(plan, rps=rps, error_rate=0.01, callers=callers).steps[0].warnings
    if told is None:
        assert not any("canary requests" in text for text in warnings)
    else:
        assert warnings == (f"cannot be judged: {told}, min_requests is {plan.min_requests}",)


def test_without_traffic_nothing_can_be_judged() -> None:
    found = forecast(dataclasses.replace(PLAN, shadow_s=60), rps=0, error_rate=0.01)
    assert [step.warnings for step in found.steps] == [("cannot be judged: there is no traffic",)] * 3
    assert found.proposals == (
        "there is no traffic to judge by: replay requests, or deploy with human approval",
    )


SHADOW = (
    "shadow: 44.4m before the first step detects twice the events of every guard, "
    "and no caller is served by the version"
)
EVEN = "a first step of 50 % needs 1.5h for the same"


def proposals(**change: object) -> tuple[str, ...]:
    plan = dataclasses.replace(PLAN, guards=(), steps=(10, 50), **change)  # type: ignore[arg-type]
    return forecast(plan, rps=1, error_rate=0.01).proposals


def test_what_would_help_a_plan_is_proposed_with_its_figures() -> None:
    """An even split needs 5,324 requests, a shadow half of them; the first step 1.5 times what passes it."""
    first, second = forecast(
        dataclasses.replace(PLAN, guards=(), steps=(10, 50)), rps=1, error_rate=0.01
    ).steps
    good = first.needs[0].good
    assert good > second.needs[0].good
    longer = f"step_timeout: {format_duration(math.ceil(1.5 * good))} leaves every step the time to pass"
    assert proposals() == (SHADOW, EVEN, longer)
    assert proposals(step_timeout_s=good - 1) == (SHADOW, EVEN, longer)
    assert proposals(step_timeout_s=good) == ()
    assert EVEN not in forecast(PLAIN, rps=1, error_rate=0.01).proposals
    assert proposals(shadow_s=60.0)[0] == EVEN


def test_a_plan_that_is_only_a_shadow_is_proposed_no_steps() -> None:
    plan = dataclasses.replace(PLAN, guards=(), steps=(), shadow_s=60.0)
    found = forecast(plan, rps=0.1, error_rate=0.01)
    assert found.steps[0].warnings
    assert found.proposals == ()


def test_callers_who_count_once_are_too_few_when_there_are_less_than_an_even_split_needs() -> None:
    plan = dataclasses.replace(PLAN, guards=(), steps=(10, 50))
    assert forecast(plan, rps=1, error_rate=0.01, callers=5324).proposals[:2] == (SHADOW, EVEN)
    assert forecast(plan, rps=1, error_rate=0.01, callers=5323).proposals == (
        "random routing (a server without --sticky): every request counts, 1.5h at an even split are enough; "
        "5,323 callers who count once never are",
    )


def test_a_version_that_never_settles_is_never_promoted() -> None:
    plan = dataclasses.replace(
        PLAN, guards=(GuardPlan(name="latency_p95", max_ratio=2),), settle_s=PLAN.step_timeout_s
    )
    found = forecast(plan, rps=20, error_rate=0.01)
    assert "latency_p95 cannot be judged: settle is" in found.steps[0].warnings[0]
    assert not any("settle" in text for step in found.steps[1:] for text in step.warnings)
    assert math.isinf(found.shortest_s)
    shadowed = forecast(dataclasses.replace(plan, shadow_s=1.0), rps=20, error_rate=0.01)
    assert math.isfinite(shadowed.shortest_s), "it settles in the shadow"


def test_what_is_proposed_waits_for_labels_and_promises_nothing_that_no_guard_sees() -> None:
    guards = (GuardPlan(name="quality", max_ratio=1.5), GuardPlan(name="latency_p95", max_ratio=2))
    plan = dataclasses.replace(PLAN, guards=guards, steps=(10, 50))
    labels = LabelsToCome(coverage=(0.3, 0.36), delay_s=7200)
    shadow, *others = forecast(plan, rps=100, error_rate=0.01, labels=labels).proposals
    found = re.fullmatch(
        r"shadow: (.*)h before .* twice the events of every guard but latency_p95, .*", shadow
    )
    assert found is not None
    assert float(found[1]) >= 2
    assert not any("first step of 50 %" in text for text in others), "labels never reach both alike"


def test_the_slowest_guard_decides_how_long_a_step_takes() -> None:
    found = forecast(PLAN, rps=2, error_rate=0.01)
    by_step = [max(60.0, 100 * 50 / step.percent, *(n.good / 2 for n in step.needs)) for step in found.steps]
    assert found.shortest_s == pytest.approx(sum(by_step))
    few = forecast(dataclasses.replace(PLAN, shadow_s=1.0, steps=()), rps=2, error_rate=0.01)
    assert few.shortest_s == 50  # a hundred requests, each of them copied


def test_the_steps_after_a_shadow_have_only_their_own_time() -> None:
    plan = dataclasses.replace(PLAIN, min_requests=100, shadow_s=600)
    step = forecast(plan, rps=0.01, error_rate=0.01).steps[1]
    assert step.warnings == (
        "cannot be judged: 18 canary requests within its limit of 1h, min_requests is 100",
    )


def test_what_a_shadow_shows_no_step_has_to_wait_for() -> None:
    """One request a second and 0.1 % errors: a good version needs 17,136 copies, or three days at 5 %."""
    plan = dataclasses.replace(PLAIN, steps=(5, 50), hold_s=600, step_timeout_s=6 * 3600, tolerance=0.002)
    quiet = forecast(plan, rps=1, error_rate=0.001)
    assert any("error_rate cannot be judged" in text for text in quiet.steps[0].warnings)
    copies = requests_to_pass(
        GuardPlan(name="error_rate", max_ratio=2, tolerance=0.002), 0.5, 0.001, math.log(20)
    )
    for shadow_s, judged in ((copies / 2, True), (copies / 2 - 1, False)):
        found = forecast(dataclasses.replace(plan, shadow_s=shadow_s), rps=1, error_rate=0.001)
        assert any("cannot be judged" in text for text in found.steps[1].warnings) is not judged
        assert (found.shortest_s < shadow_s + 2 * 3600) is judged
    long = forecast(dataclasses.replace(plan, shadow_s=12 * 3600), rps=1, error_rate=0.001)
    assert [step.warnings for step in long.steps] == [(), (), ()]
    sticky = forecast(dataclasses.replace(plan, shadow_s=12 * 3600), rps=1, error_rate=0.001, callers=40_000)
    assert sticky.steps[1].warnings  # Callers who count once are all the evidence there is.


def test_a_shadow_does_not_help_a_guard_that_a_step_can_never_judge() -> None:
    plan = dataclasses.replace(
        PLAIN, guards=(GuardPlan(name="quality", max_ratio=1.5),), shadow_s=86_400.0, step_timeout_s=3600
    )
    found = forecast(plan, rps=50, error_rate=0.01, labels=LabelsToCome(coverage=(0.9, 0.3)))
    assert math.isinf(found.shortest_s)
    assert all("quality cannot be judged: labels reach 90%" in step.warnings[-1] for step in found.steps[1:])


def test_many_requests_that_a_step_has_to_see_take_their_time() -> None:
    plan = dataclasses.replace(PLAIN, min_requests=100_000)
    assert forecast(plan, rps=100, error_rate=0.01).shortest_s == pytest.approx(2_000)
