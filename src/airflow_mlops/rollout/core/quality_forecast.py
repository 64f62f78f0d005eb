"""After how many requests the guard ``quality`` decides, as labels are assumed to come. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

from airflow_mlops.rollout.core.evidence import log_mean_exp, mixture
from airflow_mlops.rollout.core.guards import GuardPlan
from airflow_mlops.rollout.core.judgement import harm_limit, pass_limit
from airflow_mlops.rollout.core.labels_to_come import LabelsToCome
from airflow_mlops.rollout.core.odds import Block, OddsProcess, log_ratios
from airflow_mlops.rollout.core.requests_needed import (
    requests_needed,
    requests_to_pass,
    requests_to_roll_back,
    tolerance_drift,
)
from airflow_mlops.rollout.core.state import RolloutPlan

_EVENTS: Final = 50
_LARGEST_BLOCK: Final = 200_000


def quality_need(
    plan: RolloutPlan,
    guard: GuardPlan,
    rate: float,
    percent: int,
    rps: float,
    labels: LabelsToCome,
    ratios: Iterable[float],
) -> tuple[dict[float, float], float]:
    """Return the requests until labels have decided, those included that come while they are waited for."""
    share, harm, enough = percent / 100, harm_limit(plan), pass_limit(plan)
    if not percent:  # Of a pair of answers each label is that of both.

        def paired(labelled: float) -> float:
            return labelled / 2 / labels.coverage[1] + labels.delay_s * rps

        worse = {ratio: paired(requests_to_roll_back(ratio, 0.5, rate, harm)) for ratio in ratios}
        return worse, paired(requests_to_pass(guard, 0.5, rate, enough))

    def requests(log_e: Callable[[float], float], limit: float) -> float:
        reach = labels.reach(guard)
        return (
            requests_needed(log_e, limit) / reach + labels.judged_after_s(guard) * rps if reach else math.inf
        )

    found, fine = OddsProcess.inferiority(1.0), OddsProcess.non_inferiority(guard.max_ratio)
    worse = {ratio: requests(label_drift(found, share, rate, ratio), harm) for ratio in ratios}
    good = requests(label_drift(fine, share, rate, 1.0), enough)
    if guard.tolerance is not None:
        good = min(good, requests(tolerance_drift(guard.tolerance, rate, share), enough))
    return worse, good


def label_drift(process: OddsProcess, share: float, rate: float, ratio: float) -> Callable[[float], float]:
    """Return log E after n labelled requests, as expected when the canary is wrong ``ratio`` times as often.

    ``share`` is the canary's part of the traffic, ``rate`` the champion's share of wrong predictions. A
    block as large as this one loses nothing by its own base rate; those that are judged have at least 20
    labels and lose a few percent.
    """
    wrong = (min(1.0, rate * ratio), rate)
    size = _LARGEST_BLOCK
    if share * rate:
        size = min(_LARGEST_BLOCK, round(_EVENTS / (share * rate)))
    observed = (round(size * share), size - round(size * share))
    canary, champion = ((n, round(n * part)) for n, part in zip(observed, wrong, strict=True))
    logs = log_ratios(Block(canary, champion), process.null_ratio, process.ratios)
    weights = mixture(process.null_ratio, process.ratios)
    return lambda n: log_mean_exp(tuple(n / size * value for value in logs), weights)
