"""Event times: the one place where the time column of rows is read.

Times are UTC in microseconds. What a column of text or numbers means is declared (``data.time``) or ISO 8601;
nothing else is concluded from values, and a time that cannot be read is refused or set aside, never ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Data, EventTime
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.core.time_signs import advice, are_like_times, is_named_like_time, misplaced
from airflow_mlops.data.reading_times import ReadTimes, largest_exact, read_times
from airflow_mlops.data.sources.quoting import such_as

_EXAMPLES: Final = 3
_SAMPLES: Final = 500
_LONGEST: Final = 60
_MOSTLY: Final = 0.5

ReadBatches = Callable[[], Iterable[tuple[pd.Series, ReadTimes]]]
"""Returns the values of a column and what they say as times, batch by batch."""


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
    frame: pd.DataFrame, data: Data, where: str = "data", *, others: int = 0, samples: bool = True
) -> EventTimes | None:
    """Return the event times of rows, or None when they have none.

    Some may be missing, as many as ``data.time.max_quarantine`` allows. Without a declared time the last key
    is one when all its values are timestamps, dates or ISO 8601 text. ``where`` begins messages; ``others``
    counts rows of the source that are not in the frame and have a time. Without ``samples`` no cell
    is quoted. Raises ConfigError for a column that
    is not there, for a declaration that reads nothing, and for a last key that looks like a time but is not
    declared; DataRejected when more rows have no readable time than allowed.
    """
    name, declared = data.time_column, data.time
    if name is None or declared is None:
        return None
    if name not in frame.columns:
        raise ConfigError(f"{where}: the data has no column {name!r}, which is the event time")
    values = frame[name]
    found = read_times(values, declared)
    sums = TimeSums(name, declared, samples=samples)
    sums.add(values, found)
    if not sums.are_times(
        where, lambda: samples_in(partial(list, [(values, found)]), sums.known), others=others
    ):
        for key in (key for key in data.keys[:-1] if key in frame.columns):
            pairs = [(frame[key], read_times(frame[key], EventTime()))]
            check_other_key(key, data, where, partial(list, pairs))
        return None
    return EventTimes(name, found.at, found.ambiguous, sums.examples)


class TimeSums:
    """What the values of a time column say in sum, batch by batch: whether they are times, how many not.

    Without ``samples`` neither ``examples`` nor an error has a value of the column.
    """

    def __init__(self, column: str, declared: EventTime, *, samples: bool = True) -> None:
        self.column = column
        self._quotes = samples
        self._declared = declared
        self.rows = self.known = self.readable = self.ambiguous = 0
        self._any = False
        self._typed: bool | None = None
        self._shown: dict[str, None] = {}
        self._looked = 0

    def add(self, values: pd.Series, found: ReadTimes) -> None:
        """Count the next values of the column and what they say."""
        known = int((~found.empty).sum())
        self.rows += len(values)
        self.known += known
        self.readable += int(found.at.notna().sum())
        self.ambiguous += found.ambiguous
        self._any = self._any or bool(values.notna().any())
        if known or found.typed:
            self._typed = found.typed and self._typed is not False
        self._look(values, found)

    @property
    def bad(self) -> int:
        """Rows without a time that can be read."""
        return self.rows - self.readable

    @property
    def examples(self) -> tuple[str, ...]:
        """Up to three different values that cannot be read, with the reason where that is not plain."""
        return tuple(self._shown)

    def are_times(self, where: str, samples: Callable[[], list[str]], *, others: int = 0) -> bool:
        """Whether the column is the event time of the rows.

        :param samples: returns values of all parts of the column, where they must be looked at.
        :param others: rows of the source that were not counted and have a time.

        Raises what ``event_times`` raises.
        """
        if not self.rows:
            return True
        undeclared = not (self._declared.is_declared or self._typed)
        if undeclared and not self._seem_times(where, samples):
            return False
        self._check(where, self.rows + others, samples)
        return True

    def _seem_times(self, where: str, samples: Callable[[], list[str]]) -> bool:
        """Whether an undeclared last key of text or numbers is a time; ConfigError when that is unsure."""
        named = is_named_like_time(self.column)
        if not self.known:
            return named
        if self.readable >= _MOSTLY * self.known:
            return True
        texts = samples()
        if not (named or are_like_times(texts, self.column)):
            return False
        first = _shortened(texts[:_EXAMPLES])
        shown = such_as(first, samples=self._quotes, words=" (", after=")", longest=_LONGEST + 9)
        sign = "is named as a time" if named else "has values that look like times"
        raise ConfigError(
            f"{where}: {self.column!r}, the last of data.keys, {sign} but is not ISO 8601{shown}: "
            f"{advice(self.column, texts)}"
        )

    def _check(self, where: str, rows: int, samples: Callable[[], list[str]]) -> None:
        declared = self._declared
        if self.bad <= declared.max_quarantine * rows:
            return
        if self.bad == rows and self._any and declared.format is not None:
            raise ConfigError(
                f"{where}: none of {self.rows:,} values of {self.column!r} can be read as "
                f"{declared.format}{for_example(self.examples)}: {advice(self.column, samples())}"
            )
        text = _unreadable(self.column, self.bad, rows, self.examples, where, declared.max_quarantine)
        raise DataRejected(text)

    def look_like_times(self, samples: Callable[[], list[str]]) -> bool:
        """Whether values that nobody has declared are times, most of them or by their name and their form."""
        if self._typed or self.readable > _MOSTLY * self.known:
            return True
        return is_named_like_time(self.column) and are_like_times(samples(), self.column)

    def _look(self, values: pd.Series, found: ReadTimes) -> None:
        bad = np.flatnonzero(found.at.isna().to_numpy(dtype=bool))[: _SAMPLES - self._looked]
        lost = " (a float of 32 bits has lost its last digits)" if largest_exact(values) else ""
        for position in bad if self._quotes and len(self._shown) < _EXAMPLES else ():
            self._looked += 1
            if found.empty[position]:
                self._shown["empty"] = None
            else:
                reason = " (skipped by the clocks)" if found.skipped[position] else lost
                self._shown[f"{_shortened([_as_text(values.iloc[position])])[0]!r}{reason}"] = None
            if len(self._shown) == _EXAMPLES:
                return


def check_other_key(key: str, data: Data, where: str, batches: ReadBatches) -> None:
    """Raise ConfigError for a key that is a time and not the last one: rows would not be taken by it.

    :param batches: returns the values of the key and what they say as times, batch by batch.
    """
    sums = TimeSums(key, EventTime())
    for values, found in batches():
        sums.add(values, found)
    if sums.look_like_times(lambda: samples_in(batches, sums.known)):
        raise ConfigError(f"{where}: {misplaced(key, data.keys[-1])}")


def times_of(
    frame: pd.DataFrame, data: Data, where: str = "data", *, samples: bool = True
) -> pd.Series | None:
    """Return the event times of rows that all have one, in UTC, or None when they have none.

    Raises what ``event_times`` raises, and DataRejected for a row without a readable time.
    """
    times = event_times(frame, data, where, samples=samples)
    if times is None:
        return None
    if times.bad.any():
        bad = int(times.bad.sum())
        raise DataRejected(_unreadable(times.column, bad, len(frame), times.examples, where))
    return times.at


def _unreadable(
    column: str, bad: int, rows: int, examples: Sequence[str], where: str, limit: float = 0.0
) -> str:
    share = f"{bad:,} of {rows:,} rows ({100 * bad / rows:.3g} %)"
    more = f", more than data.time.max_quarantine {limit:g}" if limit else ""
    text = f"{where}: {share} have no time in {column!r} that can be read{more}"
    text += f"{for_example(examples)}: correct them"
    if bad > _MOSTLY * rows:
        return f"{text}, or declare how they are written: `time: {{column: {column}, format: …}}`"
    enough = math.ceil(100 * bad / rows) / 100
    key = f"time: {{column: {column}, max_quarantine: {enough:g}}}"
    return f"{text}, or quarantine such rows with `{key}` under data"


def for_example(examples: Sequence[str]) -> str:
    """Return the part of a sentence that quotes ``EventTimes.examples``; empty for none."""
    return f", e.g. {', '.join(examples)}" if examples else ""


def samples_in(batches: ReadBatches, known: int) -> list[str]:
    """Return different values as text, taken from all parts of a column, of which ``known`` are not empty."""
    return _samples_of((values[~found.empty] for values, found in batches()), known)


def _samples_of(batches: Iterable[pd.Series], known: int) -> list[str]:
    """Return different values as text, taken from all parts of a column.

    :param batches: the values that are not empty, in their order.
    :param known: how many there are of them.
    """
    step = max(1, known // (4 * _SAMPLES))
    texts: dict[str, None] = {}
    seen = 0
    for values in batches:
        texts |= dict.fromkeys(_as_text(value) for value in values.iloc[-seen % step :: step])
        seen += len(values)
    return list(texts)[:_SAMPLES]


def _as_text(value: Any) -> str:
    """Return a value as a person writes it: a whole float, as columns with gaps have them, as an integer."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _shortened(texts: list[str]) -> list[str]:
    return [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in texts]
