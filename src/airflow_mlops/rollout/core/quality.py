"""The guard ``quality``: wrong predictions of both versions, given which of them were labelled. Pure.

Labels say what is wrong with a version only if they reach both versions alike. So there are two tests:
whether labels fall on the versions as the requests did, and, given how many came of each, whether the
canary's are wrong more often. Where the first says no, the second has no say: nobody knows why the labels
differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from airflow_mlops.rollout.core.evidence import FailureRateProcess, log_mean_exp
from airflow_mlops.rollout.core.guards import KINDS, Finding, GuardPlan, finite, good_words
from airflow_mlops.rollout.core.labelled import (
    ENOUGH_TO_LEARN,
    MIN_BLOCK,
    JudgedLabels,
    LabelBlock,
    Stratum,
    unlabelled_classes,
)
from airflow_mlops.rollout.core.observation import Counts, EpochCounts
from airflow_mlops.rollout.core.odds import Block, OddsProcess, log_e_differs

_MANY_LATE = 0.5
Blocks = tuple[LabelBlock, ...]


@dataclass(frozen=True)
class _Evidence:
    """What all epochs say: ``canary`` and ``champion`` are (labelled, wrong) of what is judged."""

    canary: tuple[int, int]
    champion: tuple[int, int]
    worse: float
    not_worse: float
    differs: float
    uneven: str


def find_quality(
    guard: GuardPlan, epochs: Sequence[EpochCounts], *, harm_limit: float, pass_limit: float
) -> Finding:
    """Weigh the labels; the limits are natural logarithms of the evidence needed.

    ``pass_limit`` is also the evidence at which the versions are taken to be labelled differently: if they
    are not, that is found with a chance of at most exp(-pass_limit), however often it is looked at, and the
    guard is then inconclusive.
    """
    kind = KINDS[guard.name]
    canary, champion = (_sum(epoch, side) for epoch, side in _sides(epochs))
    found = _weigh(guard, epochs)
    missing = _missing(guard, epochs, (canary, champion), found, pass_limit)
    (n, wrong), (base, base_wrong) = found.canary, found.champion
    tolerable = -math.inf
    if guard.tolerance is not None:
        tolerable = FailureRateProcess(guard.tolerance, n, wrong).log_e
    shown = f"{wrong} of {n} {kind.done}"
    scope, limits = _scope(epochs)
    harm = good = None
    if missing is None:
        if found.worse >= harm_limit:
            harm = (
                f"the canary {kind.comparison} than the champion{scope}: {shown} against "
                f"{base_wrong} of {base}, log E {found.worse:.2f} >= {harm_limit:.2f}{limits}"
            )
        good = good_words(guard, kind, shown, (found.not_worse, tolerable), pass_limit)
        good = good and f"{good}{scope}{limits}"
    return Finding(
        guard=guard.name,
        action=guard.action,
        harm=harm,
        good=good,
        missing=missing,
        evidence={
            "canary": {"labelled": canary.labelled, "wrong": canary.wrong},
            "champion": {"labelled": champion.labelled, "wrong": champion.wrong},
            "judged": {"canary": list(found.canary), "champion": list(found.champion)},
            "late": [
                sum(counts) for counts in zip(*(judged.late for judged in _judged(epochs)), strict=True)
            ],
            "labelled_alike": {"log_e": found.differs, "limit": pass_limit},
            "worse": {"log_e": found.worse, "limit": harm_limit},
            "within_max_ratio": {"log_e": found.not_worse, "limit": pass_limit},
            "within_tolerance": {"log_e": finite(tolerable), "limit": pass_limit},
        },
    )


def _sides(epochs: Sequence[EpochCounts]) -> Iterator[tuple[Sequence[EpochCounts], str]]:
    yield from ((epochs, "canary"), (epochs, "champion"))


def _sum(epochs: Sequence[EpochCounts], side: str) -> Counts:
    total = Counts()
    for epoch in epochs:
        total = total + getattr(epoch, side)
    return total


def _judged(epochs: Iterable[EpochCounts]) -> Iterator[JudgedLabels]:
    """Yield the labels of the splits; in a shadow both versions share each label."""
    return (epoch.labels for epoch in epochs if epoch.labels is not None and epoch.both is None)


def _weigh(guard: GuardPlan, epochs: Sequence[EpochCounts]) -> _Evidence:
    blocks: Blocks = tuple(chain.from_iterable(judged.blocks for judged in _judged(epochs)))
    ours = theirs = 0
    canary, champion = _totals(blocks)
    for epoch in epochs:
        if epoch.both is not None:
            ours += max(0, epoch.canary.wrong - epoch.both.wrong)
            theirs += max(0, epoch.champion.wrong - epoch.both.wrong)
            canary = (
                canary[0] + epoch.canary.labelled,
                canary[1] + min(epoch.canary.labelled, epoch.canary.wrong),
            )
            champion = (champion[0] + epoch.champion.labelled, champion[1] + epoch.champion.wrong)
    worse, not_worse = _log_es(blocks, (ours, theirs), guard.max_ratio)
    differs, uneven = _unevenness(blocks)
    return _Evidence(canary, champion, worse, not_worse, differs, uneven)


@lru_cache(maxsize=64)
def _totals(blocks: Blocks) -> tuple[tuple[int, int], tuple[int, int]]:
    found = [stratum for block in blocks for stratum in _judged_strata(block)]
    labelled, wrong = (sum(stratum.canary[place] for stratum in found) for place in (1, 2))
    base, base_wrong = (sum(stratum.champion[place] for stratum in found) for place in (1, 2))
    return (labelled, wrong), (base, base_wrong)


def _judged_strata(block: LabelBlock) -> Iterator[Stratum]:
    return (s for s in block.strata if not block.alone or s.predicted in block.alone)


@lru_cache(maxsize=64)
def _log_es(blocks: Blocks, pairs: tuple[int, int], max_ratio: float) -> tuple[float, float]:
    compared = [counts for block in blocks for counts in _wrong_blocks(block)]
    worse, not_worse = OddsProcess.inferiority(1.0), OddsProcess.non_inferiority(max_ratio)
    return worse.log_e(compared, pairs), not_worse.log_e(compared, pairs)


def _wrong_blocks(block: LabelBlock) -> list[Block]:
    apart = [Block((s.canary[1], s.canary[2]), (s.champion[1], s.champion[2])) for s in _judged_strata(block)]
    return _compared(block, apart)


def _compared(block: LabelBlock, apart: Sequence[Block]) -> list[Block]:
    """Return what is compared of the classes of a block: each by itself, or their sum."""
    return list(apart) if block.alone else [_together(apart)]


def _together(blocks: Iterable[Block]) -> Block:
    listed = list(blocks)
    canary, champion = (
        (sum(getattr(b, side)[0] for b in listed), sum(getattr(b, side)[1] for b in listed))
        for side in ("canary", "champion")
    )
    return Block(canary, champion)


@lru_cache(maxsize=64)
def _unevenness(blocks: Blocks) -> tuple[float, str]:
    """Return the log evidence that labels do not fall on the versions as the answers did, and where.

    Only what is judged counts. Where classes are judged by themselves, each is compared by itself here too: a
    version that predicts a labelled class more often has more labels over all, and is judged all the same.
    """
    whole: list[Block] = []
    by_class: dict[str, list[Block]] = {}
    for block in blocks:
        reached = {s.predicted: Block(_reach(s.canary), _reach(s.champion)) for s in _judged_strata(block)}
        for name, counts in reached.items():
            by_class.setdefault(name, []).append(counts)
        whole += _compared(block, list(reached.values()))
    tests = [("", whole), *by_class.items()]
    log_es = [log_e_differs(listed) for _, listed in tests]
    name, listed = tests[log_es.index(max(log_es))]
    total = _together(listed)
    (answers, labelled), (base, base_labelled) = total.canary, total.champion
    of = name or ", ".join(blocks[-1].alone if blocks else ())
    of = of and f" {of.removeprefix('#')}"
    words = (
        f"labels reach {_percent(labelled, answers)} of the canary's answers{of} and "
        f"{_percent(base_labelled, base)} of the champion's"
    )
    return _fixed_mean(log_es), words


def _fixed_mean(log_es: Sequence[float]) -> float:
    """Return the log of the mean of tests whose number may grow: 1/2, 1/6, 1/12 … of it, the rest is 1.

    Equal parts would change when a class is predicted for the first time, and the mean with them: that of
    an e-process may not rise by anything but what was observed.
    """
    weights = tuple(1 / (place * (place + 1)) for place in range(1, len(log_es) + 1))
    return log_mean_exp((*log_es, 0.0), (*weights, 1 / (len(log_es) + 1)))


def _reach(counts: tuple[int, ...]) -> tuple[int, int]:
    return counts[0], counts[1]


def _missing(
    guard: GuardPlan,
    epochs: Sequence[EpochCounts],
    counts: tuple[Counts, Counts],
    found: _Evidence,
    limit: float,
) -> str | None:
    """Return why nothing can be said, None when the evidence has a say."""
    canary, champion = counts
    judged = list(_judged(epochs))
    numbers = sum(labels.numbers for labels in judged)
    if numbers:
        return (
            f"{guard.name} cannot be judged: {numbers} predictions are numbers, not classes; remove the guard"
        )
    if not canary.labelled or not champion.labelled:
        seen = f"{canary.labelled} canary and {champion.labelled} champion requests"
        return f"{guard.name} was not measured ({seen})"
    if not judged and any(epoch.both is None for epoch in epochs):
        return f"{guard.name} cannot be judged: the model server must be updated to count labels by time"
    if found.differs >= limit:
        return f"{guard.name} cannot be judged: {found.uneven} (log E {found.differs:.2f} >= {limit:.2f})"
    if found.canary[0] == 0 and found.champion[0] == 0:
        return _waiting(guard, judged)
    ripe, late = (found.canary[0] + found.champion[0], sum(sum(labels.late) for labels in judged))
    if late > _MANY_LATE * (ripe + late):
        return (
            f"{guard.name} cannot be judged: {late} of {ripe + late} labels came later than expected; "
            "set deploy.canary.guards.quality.label_delay to the time that labels take"
        )
    return None


def _waiting(guard: GuardPlan, judged: Sequence[JudgedLabels]) -> str:
    canary, champion = (sum(labels.waiting[side] for labels in judged) for side in (0, 1))
    delay = next((labels.delay_s for labels in reversed(judged) if labels.delay_s is not None), None)
    wait = (
        f"{ENOUGH_TO_LEARN} of each are needed to learn how long labels take"
        if delay is None
        else f"a request is judged when it is {delay:g} s old, {MIN_BLOCK} labels at a time"
    )
    return (
        f"{guard.name} has nothing to judge yet: {canary} canary and {champion} champion labels wait; {wait}"
    )


def _scope(epochs: Sequence[EpochCounts]) -> tuple[str, str]:
    """Return to which answers a verdict is limited, and what cannot be judged, as parts of a sentence."""
    blocks: Blocks = tuple(chain.from_iterable(judged.blocks for judged in _judged(epochs)))
    sparse = unlabelled_classes(blocks)
    if not sparse:
        return "", ""
    names = ", ".join(blocks[-1].alone)
    return (
        f" where the prediction is {names}",
        f"; too few of the answers {', '.join(sparse)} are labelled to judge them, so what they miss is not "
        "known: a shadow, or labels of a random sample, would say it",
    )


def _percent(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    return f"{share:.0%}" if share >= 0.1 or not part else f"{share:.1%}"
