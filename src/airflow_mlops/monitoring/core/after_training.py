"""Whether a finding is one that an earlier training was started for, and has not ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from airflow_mlops.core.records import Triage
from airflow_mlops.monitoring.core.triage_text import window_name

_UNJUDGED: Final = ("waiting", "insufficient")
_MINOR: Final = 0.5


@dataclass(frozen=True)
class Persisting:
    """A finding that has been there ``since`` (an ISO time), whatever trainings were started for it.

    ``trainings`` are their decisions, newest first. ``share`` of the rows that the present version learned
    are from that time on; None when that is not known, or when no training has replaced the version.
    """

    since: str
    trainings: tuple[Triage, ...]
    model_version: int
    share: float | None = None

    @property
    def replaced(self) -> bool:
        """Whether the present version is another one than that of the last training's window."""
        return self.model_version != self.trainings[0].model_version

    def sentence(self) -> str:
        """Return what a reader should know of it."""
        last, version = self.trainings[0], self.model_version
        if not self.replaced:
            started = window_name(last.start, last.end)
            return f"still there: the training that {started} started has not replaced version {version}"
        text = f"still there after {self._which()}"
        since = self.since[:10]
        if self.share is None:
            return f"{text} (how much of the time since {since} version {version} learned is not known)"
        text += f": {100 * self.share:.3g} % of the rows that version {version} learned are since {since}"
        return text + (", train.window would leave out older ones" if self.share < _MINOR else "")

    def _which(self) -> str:
        if len(self.trainings) > 1:
            return f"{len(self.trainings)} trainings since {self.since[:10]}"
        return f"the training that {window_name(self.trainings[0].start, self.trainings[0].end)} started"

    def evidence(self) -> dict[str, Any]:
        """Return it as JSON values."""
        windows = [[item.start, item.end] for item in self.trainings]
        return {"since": self.since, "trainings": windows, "share_learned": self.share}


def persisting(
    cause: str,
    columns: Collection[str],
    model_version: int,
    earlier: Sequence[Triage],
    learned_times: Sequence[str] = (),
) -> Persisting | None:
    """Return that a finding persists, or None when no training was started for it.

    ``earlier`` are the decisions about windows before this one, newest first, whatever their model version.
    They count as long as each found the same ``cause``, and of a drift one of the same ``columns``; those
    that could not judge are passed over. ``learned_times`` are evenly spaced quantiles of the event times of
    the rows that ``model_version`` learned, as ISO times, the least and the largest included.
    """
    chain: list[Triage] = []
    for item in earlier:
        if item.action == "block" or _verdict(item, cause) in _UNJUDGED:
            continue
        if not _found(item, cause, columns):
            break
        chain.append(item)
    trainings = tuple(item for item in chain if item.action == "retrain" and cause in item.causes)
    if not trainings:
        return None
    since = chain[-1].start
    share = share_from(since, learned_times) if model_version != trainings[0].model_version else None
    return Persisting(since, trainings, model_version, share)


def share_from(moment: str, quantiles: Sequence[str]) -> float | None:
    """Return the share of rows from ``moment`` on, by quantiles of their times; None without any.

    >>> share_from("2026-01-09", ["2026-01-01", "2026-01-11"])
    0.2
    """
    if len(quantiles) <= 1:
        return None
    at, *times = (datetime.fromisoformat(text) for text in (moment, *quantiles))
    first = times[0]
    seconds = [(time - first).total_seconds() for time in times]
    below = np.interp((at - first).total_seconds(), seconds, np.linspace(0.0, 1.0, len(seconds)))
    return round(1.0 - float(below), 4)


def _verdict(item: Triage, cause: str) -> str:
    return str((item.evidence.get(cause) or {}).get("verdict", ""))


def _found(item: Triage, cause: str, columns: Collection[str]) -> bool:
    if cause not in (item.evidence.get("windows_in_a_row") or {}):
        return False
    effects = (item.evidence.get(cause) or {}).get("effects")
    return not columns or effects is None or bool(set(effects) & set(columns))
