"""Which labels are judged, and when: blocks of requests that are old enough. Pure.

A label that comes soon is not like one that comes late, and the versions need not get theirs alike. So the
labels of a stretch of time are counted once, when all of its requests are as old as labels take; those that
came until then count, later ones never do. A block that was closed stays as it is: the evidence is a
product over blocks, each judged given how many labels it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from airflow_mlops.core.label_ages import NUMBER, TOO_OLD, age_class

MIN_BLOCK: Final = 20
"""Labels that a block must have; the larger blocks of a long rollout keep its state small."""
GROWTH: Final = 0.05
"""Labels of a block as a share of those judged before, if that is more."""
ENOUGH_TO_LEARN: Final = 20
"""Labels of each version from which it is learned how long they take."""
MIN_DELAY_S: Final = 2.0
"""Within this time all workers of a server have written down what they answered."""
_COVERED: Final = 0.95
SELECTIVE: Final = 0.5
"""Answers of a class that are labelled less than half as often as another's are not judged."""
_KNOWN_ANSWERS: Final = 30


class LabelRow(NamedTuple):
    """What a server counted of one version, predicted class and stretch of time.

    ``start`` (epoch seconds) and ``seconds`` bound the time of the prediction; ``age`` (seconds) is the
    class of the labels' age, 0 for the answers themselves. ``answers``, ``labelled`` and ``wrong`` are
    increments.
    """

    start: float
    seconds: float
    predicted: str
    age: float
    answers: int
    labelled: int
    wrong: int


@dataclass(frozen=True)
class ArmLabels:
    """All rows of one version, as a server has them at ``at`` (its clock, epoch seconds)."""

    at: float
    rows: tuple[LabelRow, ...] = ()


@dataclass(frozen=True)
class Stratum:
    """The answers of one predicted class in a block: (answers, labelled, wrong) of both versions."""

    predicted: str
    canary: tuple[int, ...]
    champion: tuple[int, ...]


@dataclass(frozen=True)
class LabelBlock:
    """The labels of one stretch of time, which ended at ``end`` (epoch seconds).

    ``alone``: the predicted classes that are judged, each by itself; empty when all are judged together.
    """

    end: float
    strata: tuple[Stratum, ...]
    alone: tuple[str, ...] = ()

    @property
    def labelled(self) -> int:
        """The labels of both versions."""
        return sum(stratum.canary[1] + stratum.champion[1] for stratum in self.strata)


@dataclass(frozen=True)
class JudgedLabels:
    """The closed blocks of one traffic split, oldest first, and what else there is.

    ``delay_s`` is the age in seconds from which requests are judged, None while it is not known. Labels by
    version (canary, champion): ``waiting`` are not old enough yet or too few for a block, ``late`` came
    after that age and are not judged. ``numbers`` counts answers that are no classes.
    """

    blocks: tuple[LabelBlock, ...] = ()
    delay_s: float | None = None
    waiting: tuple[int, ...] = (0, 0)
    late: tuple[int, ...] = (0, 0)
    numbers: int = 0

    @property
    def through(self) -> float:
        """The time (epoch seconds) until which all has been judged."""
        return self.blocks[-1].end if self.blocks else 0.0


def judge_labels(
    before: JudgedLabels | None,
    canary: ArmLabels | None,
    champion: ArmLabels | None,
    delay_s: float | None,
) -> JudgedLabels | None:
    """Return the blocks of before and those that can be closed now; None when a server counts no labels.

    ``delay_s`` is the configured delay in seconds, None to learn it: twice the time within which 95 % of the
    labels of either version came, once each has 20. It is rounded up to an age class.
    """
    found = tuple(arm for arm in (canary, champion) if arm is not None)
    if not found:
        return before
    arms = tuple(arm.rows if arm else () for arm in (canary, champion))
    numbers = sum(row.answers for rows in arms for row in rows if row.predicted == NUMBER)
    sides = tuple([row for row in rows if row.predicted != NUMBER] for rows in arms)
    delay = _delay(sides) if delay_s is None else age_class(max(delay_s, MIN_DELAY_S))
    blocks = before.blocks if before else ()
    if delay is not None:
        due = min(arm.at for arm in found) - delay
        blocks = (*blocks, *_closed(blocks, sides, due, delay))
    through = blocks[-1].end if blocks else 0.0
    limit = TOO_OLD if delay is None else delay
    open_ = [[row for row in rows if row.start >= through] for rows in sides]
    return JudgedLabels(
        blocks=blocks,
        delay_s=delay,
        waiting=tuple(sum(row.labelled for row in rows if row.age <= limit) for rows in open_),
        late=tuple(sum(row.labelled for row in rows if row.age > limit) for rows in sides),
        numbers=numbers,
    )


def _delay(sides: Iterable[Iterable[LabelRow]]) -> float | None:
    slowest = 0.0
    for rows in sides:
        by_age: dict[float, int] = {}
        for row in rows:
            by_age[row.age] = by_age.get(row.age, 0) + row.labelled
        total = sum(by_age.values())
        if total < ENOUGH_TO_LEARN:
            return None
        came = 0
        for age in sorted(by_age):
            came += by_age[age]
            if came >= _COVERED * total:
                slowest = max(slowest, age)
                break
    # Young requests have their quick labels only: twice the time leaves room for the others.
    return age_class(max(MIN_DELAY_S, 2 * slowest))


def _closed(
    before: tuple[LabelBlock, ...], sides: tuple[list[LabelRow], ...], due: float, delay: float
) -> Iterator[LabelBlock]:
    """Yield the blocks that can be closed: their last request was answered before ``due``."""
    through = before[-1].end if before else 0.0
    judged = sum(block.labelled for block in before)
    seen = _coverage(stratum for block in before for stratum in block.strata)
    strata: dict[str, Stratum] = {}
    for end, rows in _stretches(sides, through):
        if end > due:
            return
        for side, row in rows:
            if row.age <= delay:
                strata[row.predicted] = _added(strata.get(row.predicted), side, row)
        block = LabelBlock(end, tuple(_possible(strata[name]) for name in sorted(strata)))
        if block.labelled >= max(MIN_BLOCK, GROWTH * judged):
            for stratum in block.strata:
                _cover(seen, stratum)
            yield replace(block, alone=_alone(seen))
            judged += block.labelled
            strata = {}


def _stretches(
    sides: tuple[list[LabelRow], ...], through: float
) -> Iterator[tuple[float, list[tuple[int, LabelRow]]]]:
    """Yield (end, rows) of each stretch of time that no row reaches across, with the version of each row."""
    rows = [(side, row) for side, listed in enumerate(sides) for row in listed if row.start >= through]
    rows.sort(key=lambda item: item[1].start)
    together: list[tuple[int, LabelRow]] = []
    end = through
    for side, row in rows:
        if together and row.start >= end:
            yield end, together
            together = []
        together.append((side, row))
        end = max(end, row.start + row.seconds)
    if together:
        yield end, together


def _added(stratum: Stratum | None, side: int, row: LabelRow) -> Stratum:
    stratum = stratum or Stratum(row.predicted, (0, 0, 0), (0, 0, 0))
    increments = (row.answers, row.labelled, row.wrong)
    before = stratum.champion if side else stratum.canary
    added = tuple(a + b for a, b in zip(before, increments, strict=True))
    return replace(stratum, champion=added) if side else replace(stratum, canary=added)


def _possible(stratum: Stratum) -> Stratum:
    """Keep counts of a database that was edited, or half lost, within what they count."""

    def within(counts: tuple[int, ...]) -> tuple[int, ...]:
        answers, labelled, wrong = (max(0, count) for count in counts)
        return max(answers, labelled), labelled, min(wrong, labelled)

    return Stratum(stratum.predicted, within(stratum.canary), within(stratum.champion))


def _coverage(strata: Iterable[Stratum]) -> dict[str, tuple[int, int]]:
    seen: dict[str, tuple[int, int]] = {}
    for stratum in strata:
        _cover(seen, stratum)
    return seen


def _cover(seen: dict[str, tuple[int, int]], stratum: Stratum) -> None:
    answers, labelled = seen.get(stratum.predicted, (0, 0))
    seen[stratum.predicted] = (
        answers + stratum.canary[0] + stratum.champion[0],
        labelled + stratum.canary[1] + stratum.champion[1],
    )


def _alone(seen: Mapping[str, tuple[int, int]]) -> tuple[str, ...]:
    """Return the predicted classes to judge by themselves; empty while all classes are labelled alike.

    Only how many labels came decides, never what they said, so that the test stays valid.
    """
    known = {name: counts for name, counts in seen.items() if counts[0] >= _KNOWN_ANSWERS}
    top = max((labelled / answers for answers, labelled in known.values()), default=0.0)
    sparse = {
        name
        for name, (answers, labelled) in known.items()
        if labelled + 3 * (labelled + 1) ** 0.5 < SELECTIVE * top * answers
    }
    return tuple(sorted(set(seen) - sparse)) if sparse else ()


def unlabelled_classes(blocks: Iterable[LabelBlock]) -> tuple[str, ...]:
    """Return the predicted classes that so few labels reach that they are not judged."""
    listed = list(blocks)
    if not listed or not listed[-1].alone:
        return ()
    names = {stratum.predicted for block in listed for stratum in block.strata}
    return tuple(sorted(names - set(listed[-1].alone)))
