"""What callers who count once can hide: the failures of their other requests. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from airflow_mlops.rollout.core.guards import Finding
from airflow_mlops.rollout.core.observation import Counts, EpochCounts
from airflow_mlops.rollout.core.state import RolloutPlan

FEWEST: Final = 20
"""Failures from which on the share over all requests is looked at."""


def with_every_request(finding: Finding, epochs: Sequence[EpochCounts], plan: RolloutPlan) -> Finding:
    """Return the finding of the errors, inconclusive if repeated requests fail far more often.

    With sticky routing the test counts each caller once, as the requests of one caller fail together: a
    test that counted them all would find harm by chance. So they cannot prove harm; but a canary of whose
    requests more fail than ``plan.tolerance`` and than ``plan.max_ratio`` times the champion's share is not
    good enough either. The counts of every request are added to the evidence.
    """
    canary = sum((epoch.canary for epoch in epochs), Counts())
    champion = sum((epoch.champion for epoch in epochs), Counts())
    if not (canary.all_requests or champion.all_requests):
        return finding
    requests, failures = canary.every_request
    base, base_failures = champion.every_request
    evidence: dict[str, Any] = {
        **finding.evidence,
        "every_request": {
            "canary": {"requests": requests, "failures": failures},
            "champion": {"requests": base, "failures": base_failures},
        },
    }
    finding = replace(finding, evidence=evidence)
    share = failures / requests if requests else 0.0
    base_share = base_failures / base if base else 0.0
    if failures < FEWEST or share <= max(plan.tolerance or 0.0, plan.max_ratio * base_share):
        return finding
    reason = (
        f"few callers have many failures: {failures} of all {requests} canary requests failed ({share:.1%}) "
        f"against {base_failures} of {base} ({base_share:.1%}), though {canary.failures} of "
        f"{canary.requests} when each caller counts once"
    )
    return replace(finding, good=None, missing=finding.missing or reason)
