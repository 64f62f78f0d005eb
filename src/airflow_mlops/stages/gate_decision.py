"""The gate's decision: what was found about a model, the policy of the file, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from airflow_mlops.core.records import Evaluation
from airflow_mlops.core.records.training import NOT_WORSE
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.rivals import Rivals
from airflow_mlops.training.core import group_limits, verdict
from airflow_mlops.training.core.anchor import stricter, total_limits
from airflow_mlops.training.core.verdict import Found, Verdict


def decided(call: StageCall, judged: Evaluation, reasons: Sequence[str], rivals: Rivals) -> Evaluation:
    """Return an evaluation with its comparisons and its verdict.

    ``reasons`` speak against the model whatever it is compared with. A model that is worse is refused; where
    there is not enough evidence, ``evaluate.on_inconclusive`` decides.
    """
    section, champion, anchor = call.pipeline.evaluate, rivals.champion, rivals.anchor_contest
    told = verdict.verdict(tuple(_found(call, rivals)))
    cautions = [judged.caution, *group_limits.skipped(judged.groups)]
    reasons, unclear = (*reasons, *group_limits.beyond(judged.groups)), group_limits.unclear(judged.groups)
    open_ = [] if section.policy_of_groups == verdict.ACCEPT else list(unclear)
    if unclear and not open_:
        cautions.append(verdict.open_question(unclear))
    if section.against_champion is None:
        cautions.append(_switched_off(told))
    else:
        reasons = (*reasons, *told.worse)
        if told.missing and not told.worse:
            if section.policy == verdict.ACCEPT:
                cautions.append(verdict.accepted(told.missing))
            else:
                open_ += told.missing
    asks = bool(open_) and section.asks and not reasons
    if open_:
        reasons = (*reasons, verdict.open_question(open_) if asks else verdict.rejected(open_))
    return replace(
        judged,
        comparisons=champion.comparisons if champion else (),
        champion_version=champion.version if champion else None,
        left_out=champion.left_out if champion else 0,
        not_compared=champion.problem if champion else "",
        against_anchor=anchor.comparisons if anchor else (),
        anchor_version=anchor.version if anchor else None,
        anchor=rivals.anchor.version,
        lost=rivals.anchor.lost,
        outcome=told.outcome,
        caution="; ".join(filter(None, cautions)),
        asks=asks,
        passed=not reasons,
        reasons=tuple(reasons),
    )


def _found(call: StageCall, rivals: Rivals) -> Iterator[Found]:
    section = call.pipeline.evaluate
    steps = section.champion_limits
    total = total_limits(steps, section.anchor_limits)
    both = section.against_anchor is not None and rivals.anchor_contest is None  # the champion is the anchor
    pairs = (
        ("the champion", rivals.champion, stricter(steps, total) if both else steps),
        ("the best earlier champion", rivals.anchor_contest, total),
    )
    for kind, contest, limits in pairs:
        if contest is not None:
            yield Found(
                f"{kind}, version {contest.version}",
                contest.comparisons,
                limits,
                problem=contest.problem,
                unknown=contest.unknown,
                left_out=contest.left_out,
            )


def _switched_off(told: Verdict) -> str:
    """Return what a gate that is switched off would have refused or asked."""
    if told.outcome in ("", NOT_WORSE):
        return ""
    return f"evaluate.against_champion is off, nothing was refused: {'; '.join((*told.worse, *told.missing))}"
