"""What the default tolerance promotes, beside fixed ones: versions that fail as often, twice and five times.

    python benchmarks/tolerance.py                   about two minutes
    python benchmarks/tolerance.py --rollouts 400    ten seconds, larger errors

Each figure is the share of rollouts that are promoted, in per cent, with its standard error: steps of 5, 25
and 50 %, half an hour at least and six hours at most each, at several rates of traffic and failures. In a
shadow before them the version answers a copy of each request. A rollout that is neither promoted nor rolled
back waits for a person.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

from airflow_mlops.rollout.core import RolloutPlan
from airflow_mlops.rollout.core.passing import simulate_ends
from airflow_mlops.rollout.core.tolerance import expected_alone, with_tolerance

PLAN = RolloutPlan(name="churn", model_version=2, model_uri="models:/churn/2", champion_version=1)
HOUR = 3600.0
RULES: Mapping[str, Mapping[str, Any]] = {
    "measured": {},
    "shadow 6h": {"shadow_s": 6 * HOUR},
    "shadow 12h": {"shadow_s": 12 * HOUR},
    "one step of 50 %, 12h": {"steps": (50,), "step_timeout_s": 12 * HOUR},
    "fixed 2 %": {"tolerance": 0.02},
    "3 x the rate": {},
}
"""What a plan has besides the defaults; the tolerance is measured unless it is named."""
WORLDS = ((0.001, 1.0), (0.001, 20.0), (0.01, 1.0), (0.01, 20.0))
RATIOS = (1.0, 2.0, 5.0)


def plan_of(rule: str, error_rate: float, rps: float) -> RolloutPlan:
    """Return the plan with the tolerance of a rule."""
    plan = dataclasses.replace(PLAN, **RULES[rule])
    if rule == "3 x the rate":
        plan = dataclasses.replace(plan, tolerance=min(0.02, max(0.002, 3 * error_rate)))
    return with_tolerance(plan, expected_alone(rps, error_rate))[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rollouts", type=int, default=4000, help="rollouts per figure (default: 4000)")
    rollouts, began = parser.parse_args().rollouts, time.perf_counter()
    heads = [f"{ratio:g} x the champion" for ratio in RATIOS]
    print(
        f"{'errors':>7}{'requests/s':>12}  {'rule':<23}{'tolerance':>10}" + "".join(f"{h:>18}" for h in heads)
    )
    for error_rate, rps in WORLDS:
        for rule in RULES:
            plan = plan_of(rule, error_rate, rps)
            cells = []
            for ratio in RATIOS:
                ends = simulate_ends(plan, ratio=ratio, rps=rps, error_rate=error_rate, rollouts=rollouts)
                share = ends.promoted / rollouts
                error = 100 * math.sqrt(share * (1 - share) / rollouts)
                cells.append(f"{100 * share:.1f} ({error:.1f})")
            head = f"{error_rate:>7.1%}{rps:>12g}  {rule:<23}{plan.tolerance or 0:>10.2%}"
            print(head + "".join(f"{cell:>18}" for cell in cells), flush=True)
    print(f"\n{rollouts:,} rollouts per figure, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
