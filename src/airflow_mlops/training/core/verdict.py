"""The verdict of the gate: what was found about earlier versions, the policy, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import Comparison
from airflow_mlops.core.records.training import INCONCLUSIVE, NOT_WORSE, WORSE
from airflow_mlops.training.core.bootstrap import LEAST_UNITS

REJECT: Final = "reject"
ASK: Final = "ask"
ACCEPT: Final = "accept"
_LARGEST: Final = 100


@dataclass(frozen=True)
class Found:
    """What was found about one earlier version, ``who`` such as ``the champion, version 3``.

    ``limits`` are those of the pipeline file; the comparisons may have stricter ones. ``problem`` says why
    there is no comparison, ``unknown`` why it proves nothing; ``left_out`` rows did not count.
    """

    who: str
    comparisons: Sequence[Comparison]
    limits: Mapping[str, str]
    problem: str = ""
    unknown: str = ""
    left_out: int = 0
    next_step: str = "bring its columns back"


@dataclass(frozen=True)
class Verdict:
    """The outcome of all comparisons, and the reasons against the model.

    ``worse`` are reasons that refuse it whatever the policy, ``missing`` says what evidence there is not, and
    ``advice`` what would give it.
    """

    outcome: str = ""
    worse: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    advice: str = ""


def verdict(found: Sequence[Found]) -> Verdict:
    """Return what all comparisons say together: the worst of them decides."""
    if not found:
        return Verdict()
    worse = tuple(line for item in found for line in _worse(item))
    missing = tuple(line for item in found for line in _missing(item))
    asked = any(_is_compared(item) for item in found)
    advice = MORE_ROWS if asked or not missing else ""
    return Verdict(WORSE if worse else INCONCLUSIVE if missing else NOT_WORSE, worse, missing, advice)


def _is_compared(found: Found) -> bool:
    """Whether more rows, or a wider limit, could change the outcome."""
    return bool(found.comparisons) and not found.problem and not found.unknown


def _worse(found: Found) -> Iterator[str]:
    if found.unknown:
        return
    for item in found.comparisons:
        if item.outcome == WORSE:
            limit = f"not even the upper bound is {item.limit}" if item.limit else "all of it is below 0"
            yield f"worse: {_figures(item, found)}, {limit}{_tightened(item, found)}"


def _missing(found: Found) -> Iterator[str]:
    if found.problem or not found.comparisons:
        yield (
            f"not compared with {found.who} ({found.problem or 'nothing to compare by'}); "
            f"{found.next_step or 'bring its columns back'}, or move the alias champion on purpose"
        )
        return
    if found.unknown:
        yield f"the comparison with {found.who} proves nothing: {found.unknown}"
        return
    aside = f" ({found.left_out:,} rows do not count, it has learned from them)" if found.left_out else ""
    for item in found.comparisons:
        if item.outcome != INCONCLUSIVE:
            continue
        if item.units < LEAST_UNITS:
            yield (
                f"only {item.units:,} {item.unit} to compare by{aside}, at least {LEAST_UNITS} are needed: "
                f"{_figures(item, found)}"
            )
        else:
            limit = f" is not {item.limit} with certainty" if item.limit else " has 0 in it"
            yield f"{_figures(item, found)}{limit}{_tightened(item, found)}{aside}{_power(item)}"


def _figures(item: Comparison, found: Found) -> str:
    return (
        f"{item.metric} {item.challenger:.4g} against {item.champion:.4g} of {found.who}, "
        f"difference {item.interval}"
    )


def _tightened(item: Comparison, found: Found) -> str:
    """Say why a limit is not that of the file."""
    given = found.limits.get(item.metric, "")
    if not item.limit or not given or str(Limit.parse(given)) == item.limit:
        return ""
    return f" (what earlier steps left of {given})"


def _power(item: Comparison) -> str:
    """Say what difference the hold-out shows, and how many units would show a tolerated loss.

    Nothing about a limit that asks for a gain: the units needed depend on how far beyond it the model is.
    """
    if not item.detectable or math.isnan(item.detectable):
        return ""
    text = f"; {item.units:,} {item.unit} show a difference of {item.detectable:.2g} (80 % power)"
    margin = -Limit.parse(item.limit).bound if item.limit else 0.0
    if margin <= 0:
        return text
    times = (item.detectable / margin) ** 2
    if 1 < times <= _LARGEST:
        text += f", about {_rounded(item.units * times):,} would show {margin:g}"
    return text


def _rounded(value: float) -> int:
    """Return a number with two significant digits: an estimate says no more.

    >>> _rounded(13_742.0)
    14000
    """
    unit = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return int(round(value / unit) * unit)


MORE_ROWS: Final = "hold out more rows, widen the limit, or "
_POLICY: Final = "set evaluate.on_inconclusive to ask (a person decides) or accept"


def open_question(missing: Sequence[str]) -> str:
    """Return the reason of a gate that a person decides."""
    return f"not enough evidence: {'; '.join(missing)}"


def rejected(missing: Sequence[str], advice: str = MORE_ROWS) -> str:
    """Return the reason of a gate that rejects for want of evidence, with what helps."""
    return f"{open_question(missing)}{f': {advice}' if advice else ', or '}{_POLICY}"


def unasked(missing: Sequence[str]) -> str:
    """Return the reason of a gate that a person decides, when nobody was asked about this champion."""
    return (
        f"{open_question(missing)}; a person decides that (evaluate.on_inconclusive: ask), and nobody was "
        "asked about this champion: clear the task evaluate and those after it"
    )


def accepted(missing: Sequence[str]) -> str:
    """Return the caution of a version that is registered without enough evidence."""
    return f"not enough evidence that it is not worse: {'; '.join(missing)}"
