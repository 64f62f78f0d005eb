"""Labels of rollouts: counts as a server has them, and the blocks that are judged."""

from __future__ import annotations

from dataclasses import replace

from airflow_mlops.rollout.core import Counts, EpochCounts
from airflow_mlops.rollout.core.labelled import (
    ArmLabels,
    JudgedLabels,
    LabelBlock,
    LabelRow,
    Stratum,
    judge_labels,
)

LONG_AFTER = 1e6


def with_labels(epoch: EpochCounts) -> EpochCounts:
    """Return counts whose labels all came at once to requests of one minute, long ago."""
    canary, champion = (_with_rows(counts) for counts in (epoch.canary, epoch.champion))
    labels = judge_labels(None, canary.labels, champion.labels, None)
    return replace(epoch, canary=canary, champion=champion, labels=labels)


def _with_rows(counts: Counts) -> Counts:
    answers = LabelRow(0.0, 60.0, "1", 0.0, max(counts.requests, counts.labelled), 0, 0)
    labelled = LabelRow(0.0, 60.0, "1", 1.0, 0, counts.labelled, counts.wrong)
    return replace(counts, labels=ArmLabels(LONG_AFTER, (answers, labelled)))


def block(
    end: float, *strata: tuple[str, tuple[int, int, int], tuple[int, int, int]], alone: tuple[str, ...] = ()
) -> LabelBlock:
    """Return a closed block; a stratum is (class, canary, champion), each of (answers, labelled, wrong)."""
    return LabelBlock(end, tuple(Stratum(*stratum) for stratum in strata), alone)


def judged(*blocks: LabelBlock, **more: object) -> EpochCounts:
    """Return a split of which these blocks are judged, with the labels of them as its counts."""
    sides = [
        Counts(
            sum(getattr(s, side)[0] for b in blocks for s in b.strata),
            labelled=sum(getattr(s, side)[1] for b in blocks for s in b.strata),
            wrong=sum(getattr(s, side)[2] for b in blocks for s in b.strata),
        )
        for side in ("canary", "champion")
    ]
    return EpochCounts(1, 50, sides[0], sides[1], labels=JudgedLabels(blocks, 60.0, **more))  # type: ignore[arg-type]
