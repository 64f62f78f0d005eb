"""Event times: the one place where the time column of rows is read.

Times are UTC in microseconds. What a column of text or numbers means is declared (``data.time``) or ISO 8601;
nothing else is concluded from values, and a time that cannot be read is refused or set aside, never ignored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Data, EventTime
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.core.time_signs import advice, are_like_times, is_named_like_time, misplaced
from airflow_mlops.data.reading_times import ReadTimes, largest_exact, read_times

_EXAMPLES: Final = 3
_SAMPLES: Final = 500
_LONGEST: Final = 60
_MOSTLY: Final = 0.5


@dataclass(frozen=True, eq=False)
class EventTimes:
    """The event times of rows.

    ``at`` has them in UTC, missing where a row has none that can be read; ``ambiguous`` counts local times of
    an hour that occurs twice, which are taken as the second one; ``examples`` shows what cannot be read.
    """

    column: str
    at: pd.Series
    ambiguous: int = 0
    examples: tuple[str, ...] = ()

    @property
    def bad(self) -> np.ndarray[Any, Any]:
        """Which rows have no time that can be read, shape (rows,)."""
        return self.at.isna().to_numpy(dtype=bool)


def event_times(
    frame: pd.DataFrame, data: Data, where: str = "data", *, others: int = 0
) -> EventTimes | None:
    """Return the event times of rows, or None when they have none.

    Some may be missing, as many as ``data.time.max_quarantine`` allows. Without a declared time the last key
    is one when all its values are timestamps, dates or ISO 8601 text. ``where`` begins messages; ``others``
    counts rows of the source that are not in the frame and have a time. Raises ConfigError for a column that
    is not there, for a declaration that reads nothing, and for a last key that looks like a time but is not
    declared; DataRejected when more rows have no readable time than allowed.
    """
    name, declared = data.time_column, data.time
    if name is None or declared is None:
        return None
    if name not in frame.columns:
        raise ConfigError(f"{where}: the data has no column {name!r}, which is the event time")
    values = frame[name]
    if frame.empty:
        return EventTimes(name, read_times(values, declared).at)
    found = read_times(values, declared)
    if not (declared.is_declared or found.typed) and not _is_time(values, name, found, where):
        _check_other_keys(frame, data, where)
        return None
    times = EventTimes(name, found.at, found.ambiguous, _examples(values, found))
    _check(times, values, declared, where, len(frame) + others)
    return times


def times_of(frame: pd.DataFrame, data: Data, where: str = "data") -> pd.Series | None:
    """Return the event times of rows that all have one, in UTC, or None when they have none.

    Raises what ``event_times`` raises, and DataRejected for a row without a readable time.
    """
    times = event_times(frame, data, where)
    if times is None:
        return None
    if times.bad.any():
        raise DataRejected(_unreadable(times, len(frame), where))
    return times.at


def _is_time(values: pd.Series, name: str, found: ReadTimes, where: str) -> bool:
    """Whether an undeclared last key of text or numbers is a time; raises ConfigError when that is unsure."""
    known = int((~found.empty).sum())
    readable = int(found.at.notna().sum())
    named = is_named_like_time(name)
    if not known:
        return named
    if readable >= _MOSTLY * known:
        return True
    samples = _samples(values, found)
    if not (named or are_like_times(samples, name)):
        return False
    shown = ", ".join(map(repr, _shortened(samples[:_EXAMPLES])))
    sign = "is named as a time" if named else "has values that look like times"
    raise ConfigError(
        f"{where}: {name!r}, the last of data.keys, {sign} but is not ISO 8601 ({shown}): "
        f"{advice(name, samples)}"
    )


def _check_other_keys(frame: pd.DataFrame, data: Data, where: str) -> None:
    """Raise ConfigError for a key that is a time and not the last one: rows would not be taken by it."""
    for name in (key for key in data.keys[:-1] if key in frame.columns):
        found = read_times(frame[name], EventTime())
        known = int((~found.empty).sum())
        is_time = found.typed or int(found.at.notna().sum()) > _MOSTLY * known
        if is_time or (is_named_like_time(name) and are_like_times(_samples(frame[name], found), name)):
            raise ConfigError(f"{where}: {misplaced(name, data.keys[-1])}")


def _check(times: EventTimes, values: pd.Series, declared: EventTime, where: str, rows: int) -> None:
    bad = int(times.bad.sum())
    if bad <= declared.max_quarantine * rows:
        return
    reads_nothing = bad == rows and values.notna().any()
    if reads_nothing and declared.format is not None:
        samples = _samples(values, read_times(values, declared))
        raise ConfigError(
            f"{where}: none of {len(values):,} values of {times.column!r} can be read as {declared.format}, "
            f"e.g. {', '.join(times.examples)}: {advice(times.column, samples)}"
        )
    raise DataRejected(_unreadable(times, rows, where, declared.max_quarantine))


def _unreadable(times: EventTimes, rows: int, where: str, limit: float = 0.0) -> str:
    bad = int(times.bad.sum())
    share = f"{bad:,} of {rows:,} rows ({100 * bad / rows:.3g} %)"
    more = f", more than data.time.max_quarantine {limit:g}" if limit else ""
    text = f"{where}: {share} have no time in {times.column!r} that can be read{more}, e.g. "
    text += f"{', '.join(times.examples)}: correct them"
    if bad > _MOSTLY * rows:
        return f"{text}, or declare how they are written: `time: {{column: {times.column}, format: …}}`"
    enough = math.ceil(100 * bad / rows) / 100
    key = f"time: {{column: {times.column}, max_quarantine: {enough:g}}}"
    return f"{text}, or quarantine such rows with `{key}` under data"


def _examples(values: pd.Series, found: ReadTimes) -> tuple[str, ...]:
    """Return up to three different values that cannot be read, with the reason where that is not plain."""
    bad = found.at.isna().to_numpy(dtype=bool)
    lost = " (a float of 32 bits has lost its last digits)" if largest_exact(values) else ""
    shown: dict[str, None] = {}
    for position in np.flatnonzero(bad)[:_SAMPLES]:
        if found.empty[position]:
            shown["empty"] = None
        else:
            reason = " (skipped by the clocks)" if found.skipped[position] else lost
            shown[f"{_shortened([str(values.iloc[position])])[0]!r}{reason}"] = None
        if len(shown) == _EXAMPLES:
            break
    return tuple(shown)


def _samples(values: pd.Series, found: ReadTimes) -> list[str]:
    """Return different values as text, taken from all parts of the column."""
    known = values[~found.empty]
    step = max(1, len(known) // (4 * _SAMPLES))
    texts = (_as_text(value) for value in known.iloc[::step])
    return list(dict.fromkeys(texts))[:_SAMPLES]


def _as_text(value: Any) -> str:
    """Return a value as a person writes it: a whole float, as columns with gaps have them, as an integer."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _shortened(texts: list[str]) -> list[str]:
    return [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in texts]
