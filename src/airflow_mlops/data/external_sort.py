"""Sorting more rows than memory holds: parted by the keys into pieces that each are sorted as a frame is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from airflow_mlops.data.spill import Spill

PIECE_BYTES = 32 << 20
"""Size up to which rows are sorted in memory."""
_MOST_SPLITTERS: Final = 48
_SAMPLES: Final = 20_000

KeysOf = Callable[[pa.Table], pd.DataFrame]


@dataclass(frozen=True)
class _Splitters:
    """Keys that part rows: those between two of them, and those that equal one, which need no sorting."""

    keys: pd.DataFrame

    def buckets(self, keys: pd.DataFrame) -> np.ndarray:
        """Return the number of the part of each row: odd where its key is one of the splitters."""
        splitters, rows = len(self.keys), len(keys)
        whole = pd.concat([self.keys, keys, self.keys], ignore_index=True)
        order = order_of(whole)
        passed = np.cumsum((order < splitters) | (order >= splitters + rows))
        inside = (order >= splitters) & (order < splitters + rows)
        found = np.empty(rows, dtype=np.int64)
        found[order[inside] - splitters] = passed[inside]
        return found


def sorted_tables(spill: Spill, keys_of: KeysOf, folder: Path) -> Iterator[pa.Table]:
    """Yield the rows of ``spill`` in the order that pandas' stable sort by the keys gives them.

    :param keys_of: returns the keys of a batch, one column for each, the first one first.
    :param folder: where temporary files are.

    The spill is removed. Raises TypeError for keys that cannot be compared.
    """
    if spill.bytes <= PIECE_BYTES:
        table = pa.concat_tables([spill.schema.empty_table(), *spill.tables()])
        spill.remove()
        yield table.take(pa.array(order_of(keys_of(table))))
        return
    if _is_sorted(spill, keys_of):
        yield from spill.tables()
        spill.remove()
        return
    parts = _parted(spill, _splitters(spill, keys_of), keys_of, folder)
    spill.remove()
    for number in sorted(parts):
        part = parts[number]
        if number % 2:  # all of one key, in the order in which they came
            yield from part.tables()
            part.remove()
        else:
            yield from sorted_tables(part, keys_of, folder)


def _is_sorted(spill: Spill, keys_of: KeysOf) -> bool:
    """Whether the rows are in the order of their keys already, as far as numbers and times show it."""
    last: pd.DataFrame | None = None
    for table in spill.tables():
        keys = keys_of(table)
        whole = keys if last is None else pd.concat([last, keys], ignore_index=True)
        if not _rises(whole):
            return False
        last = keys.tail(1)
    return True


def _rises(keys: pd.DataFrame) -> bool:
    """Whether no row is before the one above it; False for keys of other kinds, or with gaps."""
    equal = np.ones(max(len(keys) - 1, 0), dtype=bool)
    for number in range(keys.shape[1]):
        column = keys.iloc[:, number]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            column = column.dt.tz_convert(None)
        values = column.to_numpy()
        if values.dtype.kind not in "iufM" or column.isna().any():
            return False
        above, below = values[:-1], values[1:]
        if (equal & (below < above)).any():
            return False
        equal &= below == above
    return True


def order_of(keys: pd.DataFrame) -> np.ndarray:
    """Return the positions of rows in the stable order of their keys, the first column first.

    Raises TypeError for keys that cannot be compared.
    """
    frame = keys.reset_index(drop=True)
    try:
        order: np.ndarray = frame.sort_values(list(frame.columns), kind="stable").index.to_numpy()
    except ValueError as error:  # of cells that are lists
        raise TypeError(f"its values have no order: {error}") from error
    return order


def _splitters(spill: Spill, keys_of: KeysOf) -> _Splitters:
    """Return keys that part the rows into pieces of about the same size, from a sample of all batches."""
    step = max(1, spill.rows // _SAMPLES)
    samples, seen = [], 0
    for table in spill.tables():
        at = np.arange(-seen % step, table.num_rows, step)
        samples.append(keys_of(table.take(pa.array(at))))
        seen += table.num_rows
    keys = pd.concat(samples, ignore_index=True)
    keys = keys.iloc[order_of(keys)]
    wanted = min(_MOST_SPLITTERS, 2 * spill.bytes // PIECE_BYTES)
    chosen = np.linspace(0, len(keys) - 1, wanted + 2).astype(np.int64)[1:-1]
    return _Splitters(keys.iloc[chosen].drop_duplicates().reset_index(drop=True))


def _parted(spill: Spill, splitters: _Splitters, keys_of: KeysOf, folder: Path) -> dict[int, Spill]:
    parts: dict[int, Spill] = {}
    for table in spill.tables():
        buckets = splitters.buckets(keys_of(table))
        order = np.argsort(buckets, kind="stable")
        table = table.take(pa.array(order))
        numbers, begins = np.unique(buckets[order], return_index=True)
        ends = [*begins[1:], table.num_rows]
        for number, begin, end in zip(map(int, numbers), begins, ends, strict=True):
            if number not in parts:
                parts[number] = Spill(folder, spill.schema)
            parts[number].append(table.slice(begin, end - begin))
    for part in parts.values():
        part.close()
    return parts
