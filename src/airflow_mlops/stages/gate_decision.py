"""The gate's decision about a model, from its comparisons, its limits and `evaluate.on_inconclusive`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from airflow_mlops.core.records import Evaluation
from airflow_mlops.core.records.training import NOT_WORSE
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.rivals import Rivals
from airflow_mlops.training.contest import Contest
from airflow_mlops.training.core import group_limits, slice_limits, verdict
from airflow_mlops.training.core.anchor import stricter, total_limits
from airflow_mlops.training.core.verdict import Found, Verdict


def decided(
    call: StageCall,
    judged: Evaluation,
    reasons: Sequence[str],
    rivals: Rivals,
    *,
    may_ask: bool = True,
) -> Evaluation:
    """Return ``judged`` with its comparisons and its verdict.

    ``reasons`` refuse the model, whatever the comparisons with earlier versions show. A model that is worse
    is refused; without enough evidence ``evaluate.on_inconclusive`` decides. Where a person would decide and
    nobody can be asked any more (``may_ask`` is false), the model is refused.
    """
    section = call.pipeline.evaluate
    compared = verdict.verdict(tuple(_found(call, rivals)))
    cautions = [judged.caution, *group_limits.skipped(judged.groups)]
    reasons = (*reasons, *group_limits.beyond(judged.groups), *slice_limits.worse(judged.against_slices))
    unclear = (*group_limits.unclear(judged.groups), *_slices_without_evidence(call, judged, rivals.champion))
    open_ = [] if section.policy_of_parts == verdict.ACCEPT else list(unclear)
    if unclear and not open_:
        cautions.append(verdict.open_question(unclear))
    if section.against_champion is None:
        cautions.append(_switched_off(compared))
    else:
        reasons = (*reasons, *compared.worse)
        if compared.missing and not compared.worse:
            if section.policy == verdict.ACCEPT:
                cautions.append(verdict.accepted(compared.missing))
            else:
                open_ += compared.missing
    for_person = bool(open_) and section.asks and not reasons
    asks = for_person and may_ask
    if open_:
        of_person = verdict.open_question(open_) if may_ask else verdict.unasked(open_)
        reasons = (*reasons, of_person if for_person else verdict.rejected(open_, compared.advice))
    return replace(
        judged,
        **_compared(rivals),
        outcome=compared.outcome,
        caution="; ".join(filter(None, cautions)),
        asks=asks,
        passed=not reasons,
        reasons=tuple(reasons),
    )


def _compared(rivals: Rivals) -> dict[str, Any]:
    """Return the fields of an evaluation about the champion and the best earlier champion."""
    champion, anchor = rivals.champion, rivals.anchor_contest
    return {
        "comparisons": champion.comparisons if champion else (),
        "champion_version": champion.version if champion else None,
        "left_out": champion.left_out if champion else 0,
        "not_compared": champion.problem if champion else "",
        "against_anchor": anchor.comparisons if anchor else (),
        "anchor_version": anchor.version if anchor else None,
        "anchor": rivals.anchor.version,
        "lost": rivals.anchor.lost,
    }


def _slices_without_evidence(
    call: StageCall, judged: Evaluation, champion: Contest | None
) -> tuple[str, ...]:
    """Say of which columns no value could be compared with the champion; nothing without a champion."""
    columns = call.pipeline.evaluate.slices_against_champion
    if champion is None or not columns:
        return ()
    if champion.pair is None or champion.unknown:
        why = champion.problem or champion.unknown
        return (f"no slice of {', '.join(columns)} is compared with version {champion.version}: {why}",)
    return slice_limits.silent(judged.against_slices)


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
                next_step=contest.next_step,
            )


def _switched_off(compared: Verdict) -> str:
    """Return the reasons that are ignored because the comparison is switched off."""
    if compared.outcome in ("", NOT_WORSE):
        return ""
    reasons = "; ".join((*compared.worse, *compared.missing))
    return f"evaluate.against_champion is off, nothing was refused: {reasons}"
