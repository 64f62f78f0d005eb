"""Which rows a training learns of those that it may: the newest ones, a sample of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.errors import ConfigError, DataRejected

_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class Choice:
    """Positions of the rows that are learned, rising, shape (chosen,); ``how`` says it in words."""

    rows: NDArray[np.int64]
    how: str


def choose(
    total: int,
    times: NDArray[Any] | None,
    window: timedelta | int | None,
    sample: float | int | None,
) -> Choice | None:
    """Return the rows to learn of ``total`` rows, or None for all of them.

    ``times`` are their event times as datetime64, shape (total,). ``window`` is the time before the newest
    row (that row included, the moment at its other end not) or a number of the newest rows; ``sample`` is
    then a share of what is left, or a number of rows. The same rows give the same sample. Raises ConfigError
    for a window without times, DataRejected when fewer than two rows are left.

    >>> days = np.array(["2026-01-01", "2026-01-04", "2026-01-03"], dtype="M8[D]")
    >>> choose(3, days, timedelta(days=2), None).rows.tolist()
    [1, 2]
    """
    if window is None and sample is None:
        return None
    rows, parts = np.arange(total), []
    if window is not None:
        rows = _newest(times, window)
        parts.append(f"the newest {window:,} rows" if isinstance(window, int) else _span(window))
    if sample is not None:
        size = round(sample * len(rows)) if isinstance(sample, float) else min(sample, len(rows))
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, size, replace=False))
        parts.append(f"a sample of {size:,} rows")
    how = ", ".join(parts)
    if len(rows) <= 1:
        raise DataRejected(
            f"{how}: {len(rows)} of {total:,} rows is left to learn from; widen train.window or train.sample"
        )
    return Choice(rows, how)


def spread(total: int, most: int) -> NDArray[np.int64]:
    """Return at most so many positions, rising, spread evenly over ``total`` rows.

    >>> spread(9, 3).tolist(), spread(2, 3).tolist()
    ([0, 4, 8], [0, 1])
    """
    return np.unique(np.linspace(0, total - 1, min(most, total)).astype(np.int64))


def _newest(times: NDArray[Any] | None, window: timedelta | int) -> NDArray[np.int64]:
    if times is None:
        raise ConfigError(
            "train.window needs an event time, by which rows are newer than others: declare data.time, or "
            "leave train.window out"
        )
    if isinstance(window, int):
        return np.sort(np.argsort(times, kind="stable")[-window:])
    return np.flatnonzero(times > times.max() - np.timedelta64(window))


def _span(window: timedelta) -> str:
    seconds = window.total_seconds()
    unit, size = next(
        (unit, size) for unit, size in (("days", 86400), ("hours", 3600), ("s", 1)) if seconds >= size
    )
    return f"the last {seconds / size:g} {unit}"
