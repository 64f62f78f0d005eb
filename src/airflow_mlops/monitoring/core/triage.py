"""What is to be done about a window: nothing, an alert, a retraining, or a block.

A pure decision from the window's own reports, the earlier ones and the last retraining. A finding counts
as confirmed once it held for enough windows in a row: same model version, each window starting where the
one before ended, none of them blocked. Windows whose labels landed late count where they stand, not when
they were scored; what they show is found by the run that scored them, and by no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from airflow_mlops.core.records import DriftReport, PerformanceReport, Triage, ValidationReport
from airflow_mlops.monitoring.core import triage_text
from airflow_mlops.monitoring.core.after_training import Persisting, persisting
from airflow_mlops.monitoring.core.triage_text import window_name

_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class Reports:
    """What is known about one window. ``blocked`` says that an earlier triage called it a data fault."""

    start: str
    end: str
    model_version: int
    validation: ValidationReport | None = None
    drift: DriftReport | None = None
    performance: PerformanceReport | None = None
    blocked: bool = False


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How many windows confirm a finding, which findings retrain, and how often at most."""

    drift_windows: int = 1
    performance_windows: int = 2
    retrain_when: tuple[str, ...] = ()
    cooldown: timedelta = timedelta(0)


@dataclass(frozen=True)
class _Finding:
    """One cause, seen in ``run`` windows (newest first) where ``needed`` confirm it.

    ``over`` names a newer window that was well again, so that there is nothing left to act on; ``after`` says
    that earlier trainings were to end it.
    """

    cause: str
    text: str
    run: tuple[Reports, ...]
    needed: int
    over: str = ""
    after: Persisting | None = None

    @property
    def confirmed(self) -> bool:
        return len(self.run) >= self.needed and not self.over

    def sentence(self) -> str:
        text = self._seen() + (f", {self.over} was well again" if self.over else "")
        return text if self.over or not self.after else f"{text}, {self.after.sentence()}"

    def _seen(self) -> str:
        windows = [window_name(item.start, item.end) for item in reversed(self.run)]
        named = ", ".join(windows) if len(windows) <= _SHOWN else f"{windows[0]} to {windows[-1]}"
        if len(windows) < self.needed:
            return f"{self.text} in {len(windows)} of {self.needed} windows in a row ({named})"
        return (
            f"{self.text} ({named})"
            if len(windows) == 1
            else f"{self.text} for {len(windows)} windows in a row ({named})"
        )


def decide(
    window: Reports,
    earlier: Sequence[Reports],
    rules: Rules,
    *,
    last_retrain: datetime | None = None,
    decisions: Sequence[Triage] = (),
) -> Triage:
    """Decide about ``window``, and about earlier ones whose labels its run has found.

    ``earlier`` are the reports of windows before it, newest first; ``last_retrain`` is the end of the last
    window that started a retraining, so that the cool-down runs in the time of the data, not of the clock.
    ``decisions`` are those about windows before this one, newest first, of any model version: they tell which
    trainings a finding has outlived. A window that failed expectations which the pipeline insists on
    (``on_failure: fail``, or more bad rows than quarantine may take out) is blocked: its drift says something
    about the data feed, not about the world. The causes of a retraining are those that started it; of an
    alert, all that was found. Labels that are overdue, or contradict each other, are an alert of their own
    and never retrain.

    The second month in a row in which the metric missed its limit:

    >>> from airflow_mlops.core.records import Check
    >>> def month(number: int) -> Reports:
    ...     start, end = f"2024-0{number}-01", f"2024-0{number + 1}-01"
    ...     check = Check("roc_auc", 0.61, ">= 0.7", passed=False)
    ...     report = PerformanceReport(
    ...         start=start, end=end, model_version=3, rows=900, metrics={"roc_auc": 0.61}, checks=(check,),
    ...         verdict="decay",
    ...     )
    ...     return Reports(start=start, end=end, model_version=3, performance=report)
    >>> rules = Rules(performance_windows=2, retrain_when=("performance",))
    >>> found = decide(month(5), [month(4)], rules)
    >>> found.action, found.reason
    ('retrain', 'roc_auc 0.610 < 0.7 for 2 windows in a row (2024-04, 2024-05)')
    """
    found = [_after(item, window, decisions) for item in _findings(window, earlier, rules)]
    action, causes, reason = _with_data_problems(window, *_decided(window, found, rules, last_retrain))
    return Triage(
        start=window.start,
        end=window.end,
        model_version=window.model_version,
        action=action,
        causes=tuple(causes),
        reason=reason,
        evidence=_evidence(window, found, rules, last_retrain),
    )


def _with_data_problems(
    window: Reports, action: str, causes: Sequence[str], reason: str
) -> tuple[str, Sequence[str], str]:
    """Return action, causes and reason with failed expectations and label problems: an alert at least."""
    if (fault := triage_text.failed_expectations(window.validation)) and action != "block":
        action = "alert" if action == "none" else action
        causes, reason = [*causes, "validation"], f"{reason}; {fault}"
    if late := triage_text.label_problems(window.performance):
        action = "alert" if action == "none" else action
        causes, reason = causes if action == "retrain" else [*causes, "labels"], f"{reason}; {late}"
    return action, causes, reason


def _decided(
    window: Reports, found: Sequence[_Finding], rules: Rules, last_retrain: datetime | None
) -> tuple[str, list[str], str]:
    """Return the action for the window's findings, its causes and the reason."""
    if window.validation is not None and window.validation.refused:
        fault = f"{triage_text.failed_expectations(window.validation)}: a data fault, so no retraining"
        others = [item.sentence() for item in found if item.run[0] is not window]
        return "block", ["validation"], "; ".join([fault, *others])
    if not found:
        return "none", [], triage_text.all_clear(window.performance, window.drift)
    action, why = _act(window, found, rules, last_retrain)
    driving = [item for item in found if action != "retrain" or _retrains(item, rules)]
    others = [item.sentence() for item in found if item not in driving]
    reason = "; ".join([*(item.sentence() for item in driving), *others, *([why] if why else [])])
    return action, [item.cause for item in driving], reason


def _findings(window: Reports, earlier: Sequence[Reports], rules: Rules) -> list[_Finding]:
    found = _decay(window, earlier, rules.performance_windows)
    if window.drift is not None and _drifted(window):
        run = _run(window, earlier, _drifted)
        found.append(_Finding("drift", triage_text.drifted_columns(window.drift), run, rules.drift_windows))
    return found


def _after(item: _Finding, window: Reports, decisions: Sequence[Triage]) -> _Finding:
    """Return a finding with the trainings that it has outlived."""
    drift = window.drift
    drifted = {column.column for column in drift.columns if column.drifted} if drift else set[str]()
    columns = drifted if item.cause == "drift" else ()
    times = drift.learned_times if drift else ()
    return replace(item, after=persisting(item.cause, columns, window.model_version, decisions, times))


def _decay(window: Reports, earlier: Sequence[Reports], needed: int) -> list[_Finding]:
    """Return the newest run of decayed windows that has one which this run scored, if there is one."""
    chain = [item for item in (window, *earlier) if _known(item, window) and not item.blocked]
    new = (i for i, item in enumerate(chain) if _decayed(item) and _scored_now(item, window))
    newest = next(new, None)
    if newest is None:
        return []
    while newest and _follows(chain[newest - 1], chain[newest]) and _decayed(chain[newest - 1]):
        newest -= 1
    top = chain[newest]
    well = [item for item in chain[:newest] if item.performance and item.performance.verdict == "ok"]
    over = window_name(well[-1].start, well[-1].end) if well else ""
    run = _run(top, chain[newest + 1 :], _decayed)
    assert top.performance is not None  # it has decayed
    return [_Finding("performance", triage_text.missed_limits(top.performance), run, needed, over)]


def _known(item: Reports, window: Reports) -> bool:
    """Whether a window is the same champion's, and no later run than that of ``window`` has scored it."""
    later = item.performance is not None and triage_text.landed_after(item.performance, window.end)
    return item.model_version == window.model_version and not later


def _scored_now(item: Reports, window: Reports) -> bool:
    """Whether the run of ``window`` is the one that found the labels of ``item``."""
    at = item.performance.scored_at if item.performance else None
    return at == window.end or (item is window and at is None)


def _follows(newer: Reports, older: Reports) -> bool:
    """Whether two windows stand next to each other, and neither is a data fault."""
    follows = datetime.fromisoformat(older.end) == datetime.fromisoformat(newer.start)
    return follows and newer.model_version == older.model_version and not (newer.blocked or older.blocked)


def _decayed(window: Reports) -> bool:
    return window.performance is not None and window.performance.verdict == "decay"


def _drifted(window: Reports) -> bool:
    return window.drift is not None and window.drift.verdict == "drift"


def _run(window: Reports, earlier: Iterable[Reports], seen: Callable[[Reports], bool]) -> tuple[Reports, ...]:
    """Return the unbroken run of windows that ends with ``window``, newest first."""
    run = [window]
    for item in earlier:
        if not _follows(run[-1], item) or not seen(item):
            break
        run.append(item)
    return tuple(run)


def _act(
    window: Reports, found: Sequence[_Finding], rules: Rules, last_retrain: datetime | None
) -> tuple[str, str]:
    """Return the action for findings, and why it is not a retraining."""
    if not any(item.confirmed for item in found):
        return "alert", ""
    if not rules.retrain_when:
        return "alert", "no retraining: monitor.retrain is not configured"
    if not any(_retrains(item, rules) for item in found):
        return "alert", f"no retraining: monitor.retrain.when lists only {', '.join(rules.retrain_when)}"
    if last_retrain is not None and datetime.fromisoformat(window.end) - last_retrain < rules.cooldown:
        until = (last_retrain + rules.cooldown).isoformat(timespec="minutes")
        return "alert", f"no retraining: the cool-down since {last_retrain.date()} lasts until {until}"
    return "retrain", ""


def _retrains(item: _Finding, rules: Rules) -> bool:
    return item.confirmed and item.cause in rules.retrain_when


def _evidence(
    window: Reports, found: Sequence[_Finding], rules: Rules, last_retrain: datetime | None
) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "windows_in_a_row": {item.cause: len(item.run) for item in found},
        "windows_needed": {"drift": rules.drift_windows, "performance": rules.performance_windows},
        "retrain_when": list(rules.retrain_when),
        "cooldown_seconds": rules.cooldown.total_seconds(),
        "last_retrain": last_retrain.isoformat() if last_retrain else None,
    }
    if after := {item.cause: item.after.evidence() for item in found if item.after}:
        evidence["after_training"] = after
    if window.drift is not None:
        every = (*window.drift.columns, *((window.drift.score,) if window.drift.score else ()))
        evidence["drift"] = {
            "verdict": window.drift.verdict,
            "effects": {item.column: item.effect for item in every if item.drifted},
        }
    if window.performance is not None:
        evidence["performance"] = {
            "verdict": window.performance.verdict,
            "metrics": dict(window.performance.metrics),
            "limits": {item.name: item.limit for item in window.performance.checks},
            "overdue": [
                [item.start, item.end, item.labelled, item.rows] for item in window.performance.overdue
            ],
        }
    return evidence
