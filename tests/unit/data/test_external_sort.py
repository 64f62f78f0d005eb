from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.data.external_sort import sorted_tables
from airflow_mlops.data.spill import Spill, working_folder
from tests.unit.data.batches import sizes

KEY = st.one_of(st.none(), st.integers(-2, 2), st.just(2**40))
TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "B", "é", "zz"]))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(KEY, TEXT), min_size=1, max_size=120),
    batch=st.integers(1, 9),
    piece=st.sampled_from([1, 60, 400]),
    keys=st.sampled_from([["n"], ["t"], ["n", "t"], ["t", "n"]]),
    ordered=st.booleans(),
)
def test_pieces_are_in_the_order_that_pandas_gives_all_rows(
    rows: list[tuple[int | None, str | None]], batch: int, piece: int, keys: list[str], ordered: bool
) -> None:
    """Ties in their old order, gaps last, also where one key has most of the rows, or all are in order."""
    if ordered:
        rows = sorted((row for row in rows if row[0] is not None), key=lambda row: row[0]) or rows
    table = pa.table(
        {
            "n": pa.array([row[0] for row in rows], pa.float64()),
            "t": pa.array([row[1] for row in rows], pa.string()),
            "row": np.arange(len(rows)),
        }
    )
    with working_folder() as folder, sizes(whole=0, piece=piece):
        spill = Spill(folder, table.schema)
        for begin in range(0, len(rows), batch):
            spill.append(table[begin : begin + batch])
        parts = list(sorted_tables(spill, lambda part: part.select(keys).to_pandas(), folder))
        assert list(Path(folder).iterdir()) == []
    found = pa.concat_tables(parts).to_pandas()
    whole = table.to_pandas().sort_values(keys, kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(found, whole)


def test_rows_in_order_are_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(60) // 7, unit="h")
    table = pa.table({"at": pa.array(times), "n": np.arange(60) % 7, "row": np.arange(60)})
    written: list[int] = []
    append = Spill.append
    monkeypatch.setattr(Spill, "append", lambda self, part: (written.append(len(part)), append(self, part)))
    for keys, again in ((["at", "n"], False), (["n", "at"], True), (["row"], False)):
        with sizes(whole=0, piece=1):
            spill = Spill(tmp_path, table.schema)
            for begin in range(0, 60, 8):
                spill.append(table[begin : begin + 8])
            written.clear()
            found = pa.concat_tables(
                sorted_tables(spill, lambda part, keys=keys: part.select(keys).to_pandas(), tmp_path)
            )
        assert bool(written) == again
        assert found.num_rows == 60
    assert list(tmp_path.iterdir()) == []
