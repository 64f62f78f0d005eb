"""The verdict of a training in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_mlops.cards.core.curves import calibration, worst
from airflow_mlops.cards.core.scales import interval, number
from airflow_mlops.cards.panel import ASK, BAD, OK, Badge
from airflow_mlops.cards.training import Training, cut
from airflow_mlops.core.records import Comparison, Evaluation
from airflow_mlops.core.records.training import INCONCLUSIVE


@dataclass(frozen=True)
class Verdict:
    """The answer as a badge and a sentence, and what follows from it."""

    badge: Badge
    sentence: str
    action: str


def verdict(training: Training) -> Verdict:
    """Return what the gate decided, with the difference to the champion where there is one."""
    evaluation = training.evaluation
    compared = against_champion(evaluation)
    if evaluation.passed:
        return Verdict(Badge(OK, "Passed the gate"), compared, _warning(training) or "It can be registered.")
    reasons = [training.shown(reason) for reason in evaluation.reasons]
    first = reasons[0] if reasons else "no reason is recorded"
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    if evaluation.asks:
        return Verdict(Badge(ASK, "A person decides"), compared, f"Asked: {first}{more}.")
    own = any(not check.passed for check in evaluation.checks)
    if evaluation.outcome == INCONCLUSIVE and len(reasons) <= 1 and not own:
        return Verdict(Badge(ASK, "Not enough evidence"), compared, f"Refused: {first}.")
    return Verdict(Badge(BAD, "Failed the gate"), f"Refused: {first}{more}.", "It is not registered.")


def against_champion(evaluation: Evaluation) -> str:
    """Return how the model does against the champion, in one sentence."""
    if evaluation.champion_version is None:
        limits = "Every limit is met" if evaluation.checks else "No limit is set"
        return f"{limits}; there is no champion to compare with."
    if not evaluation.comparisons:
        return f"Not compared with version {evaluation.champion_version}."
    first = evaluation.comparisons[0]
    return f"{relation(first, evaluation.champion_version)}."


def relation(item: Comparison, version: int) -> str:
    """Return what a comparison says, with its interval.

    >>> item = Comparison("roc_auc", 0.690, 0.663, 0.027, 0.023, 0.031, "", True)
    >>> relation(item, 2)
    'Better than version 2 by 0.027 roc_auc (0.023–0.031)'
    """
    if item.low > 0:
        bounds = f"{number(item.difference)} {item.metric} ({interval(item.low, item.high)})"
        return f"Better than version {version} by {bounds}"
    if item.high < 0:
        bounds = f"{number(-item.difference)} {item.metric} ({interval(-item.high, -item.low)})"
        return f"Worse than version {version} by {bounds}"
    bounds = f"{number(item.difference, signed=True)} {item.metric} ({interval(item.low, item.high)})"
    return f"Not clearly better or worse than version {version}: {bounds}"


def _warning(training: Training) -> str:
    """Return what a reader should know before the verdict is believed."""
    leaks = training.features.leaks
    if leaks is not None and leaks.leaks:
        names = ", ".join(cut(leak.column) for leak in leaks.leaks[:3])
        return f"Possible leak: {names}. Check it before these figures are believed."
    if training.evaluation.caution:
        return f"{training.shown(training.evaluation.caution)}."
    return _probabilities(training)


def _probabilities(training: Training) -> str:
    """Return that probabilities are not to be taken for chances, where the hold-out shows it."""
    outcome = training.outcome
    if outcome.scores is None:
        return ""
    off = worst(calibration(outcome.truth == 1, outcome.scores))
    if off is None:
        return ""
    much = "high" if off.predicted > off.observed else "low"
    return f"Its probabilities are too {much} ({number(off.predicted)} where {number(off.observed)} happen)."
