"""What is to be done about a window: nothing, an alert, a retraining, or a block.

A pure decision from the window's own reports, the earlier ones and the last retraining. A finding counts
as confirmed once it held for enough windows in a row: same model version, each window starting where the
one before ended, none of them blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from airflow_mlops.core.records import Check, DriftReport, PerformanceReport, Triage, ValidationReport

_NOT: Final = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
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
    """One cause, seen in ``run`` windows (newest first) where ``needed`` confirm it."""

    cause: str
    text: str
    run: tuple[Reports, ...]
    needed: int

    @property
    def confirmed(self) -> bool:
        return len(self.run) >= self.needed

    def sentence(self) -> str:
        windows = [window_name(item.start, item.end) for item in reversed(self.run)]
        named = ", ".join(windows) if len(windows) <= _SHOWN else f"{windows[0]} to {windows[-1]}"
        if not self.confirmed:
            return f"{self.text} in {len(windows)} of {self.needed} windows in a row ({named})"
        return (
            f"{self.text} ({named})"
            if len(windows) == 1
            else f"{self.text} for {len(windows)} windows in a row ({named})"
        )


def decide(
    window: Reports, earlier: Sequence[Reports], rules: Rules, *, last_retrain: datetime | None = None
) -> Triage:
    """Decide about ``window``.

    ``earlier`` are the reports of windows before it, newest first; ``last_retrain`` is the end of the
    last window that started a retraining, so that the cool-down runs in the time of the data, not of the
    clock. A window that failed expectations which the pipeline insists on (``on_failure: fail``, or more
    bad rows than quarantine may take out) is blocked: its drift says something about the data feed, not
    about the world. The causes of a retraining are those that started it; of an alert, all that was found.
    """
    found = _findings(window, earlier, rules)
    fault = _fault(window.validation)
    if window.validation is not None and window.validation.refused:
        action, causes, reason = "block", ["validation"], f"{fault}: a data fault, so no retraining"
    elif found:
        action, why = _act(window, found, rules, last_retrain)
        driving = [item for item in found if action != "retrain" or _retrains(item, rules)]
        causes = [item.cause for item in driving]
        others = [item for item in found if item not in driving]
        reason = "; ".join([*(item.sentence() for item in (*driving, *others)), *([why] if why else [])])
    else:
        action, causes, reason = "none", [], _calm(window)
    if fault and action != "block":
        action = "alert" if action == "none" else action
        causes, reason = [*causes, "validation"], f"{reason}; {fault}"
    return Triage(
        start=window.start,
        end=window.end,
        model_version=window.model_version,
        action=action,
        causes=tuple(causes),
        reason=reason,
        evidence=_evidence(window, found, rules, last_retrain),
    )


def window_name(start: str, end: str) -> str:
    """Name a window as people do: ``2013-09`` (a month), ``2013-09-01`` (a day), else start/end."""
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    midnight = all((t.hour, t.minute, t.second, t.microsecond) == (0, 0, 0, 0) for t in (first, last))
    if midnight and first.day == last.day == 1 and timedelta(days=28) <= last - first <= timedelta(days=31):
        return f"{first:%Y-%m}"
    if midnight and last - first == timedelta(days=1):
        return f"{first:%Y-%m-%d}"
    form = "%Y-%m-%d" if midnight else "%Y-%m-%dT%H:%M"
    return f"{first:{form}}/{last:{form}}"


def _findings(window: Reports, earlier: Sequence[Reports], rules: Rules) -> list[_Finding]:
    found = []
    if window.performance is not None and _decayed(window):
        run = _run(window, earlier, _decayed)
        found.append(_Finding("performance", _decay_text(window.performance), run, rules.performance_windows))
    if window.drift is not None and _drifted(window):
        run = _run(window, earlier, _drifted)
        found.append(_Finding("drift", _drift_text(window.drift), run, rules.drift_windows))
    return found


def _decayed(window: Reports) -> bool:
    return window.performance is not None and window.performance.verdict == "decay"


def _drifted(window: Reports) -> bool:
    return window.drift is not None and window.drift.verdict == "drift"


def _run(window: Reports, earlier: Iterable[Reports], seen: Callable[[Reports], bool]) -> tuple[Reports, ...]:
    """Return the unbroken run of windows that ends with ``window``, newest first."""
    run = [window]
    for item in earlier:
        follows = datetime.fromisoformat(item.end) == datetime.fromisoformat(run[-1].start)
        if not follows or item.model_version != window.model_version or item.blocked or not seen(item):
            break
        run.append(item)
    return tuple(run)


def _act(
    window: Reports, found: Sequence[_Finding], rules: Rules, last_retrain: datetime | None
) -> tuple[str, str]:
    """Return the action for findings, and why it is no retraining if it is none."""
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


def _fault(validation: ValidationReport | None) -> str:
    if validation is None or validation.passed:
        return ""
    shown = [
        f"{item.expectation}{f' on {item.column}' if item.column else ''}: {item.detail}"
        for item in validation.failures[:_SHOWN]
    ]
    more = len(validation.failures) - _SHOWN
    failed = f"{len(validation.failures)} of {validation.expectations} expectations failed"
    text = f"{failed} ({'; '.join(shown)}{f'; and {more} more' if more > 0 else ''})"
    quarantine = validation.quarantine
    if quarantine is None:
        return text
    few = f"a training would quarantine {quarantine.rows:,} of {validation.rows:,} rows"
    return f"{text}, {quarantine.refused or few}"


def _decay_text(report: PerformanceReport) -> str:
    return ", ".join(_check_text(item) for item in report.checks if not item.passed)


def _check_text(check: Check) -> str:
    sign, _, bound = check.limit.strip().partition(" ")
    return f"{check.name} {check.value:.3f} {sign if check.passed else _NOT.get(sign, 'not ' + sign)} {bound}"


def _drift_text(report: DriftReport) -> str:
    every = (*report.columns, *((report.score,) if report.score else ()))
    effects = [f"{item.column} {item.effect:.2f}" for item in every if item.drifted]
    more = len(effects) - _SHOWN
    named = ", ".join(effects[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{named} drifted (effect >= {report.threshold:g})"


def _calm(window: Reports) -> str:
    parts = []
    if window.performance is not None:
        enough = window.performance.verdict != "insufficient"
        held = ", ".join(_check_text(item) for item in window.performance.checks)
        parts.append(held if enough else "too few labels to judge performance")
    if window.drift is not None:
        enough = window.drift.verdict != "insufficient"
        rows, columns = window.drift.rows, len(window.drift.columns)
        parts.append(f"no drift in {columns} columns" if enough else f"too few rows ({rows}) to judge drift")
    return "; ".join(parts) or "nothing is monitored"


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
        }
    return evidence
