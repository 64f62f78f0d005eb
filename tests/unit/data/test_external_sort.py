from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
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
)
def test_pieces_are_in_the_order_that_pandas_gives_all_rows(
    rows: list[tuple[int | None, str | None]], batch: int, piece: int, keys: list[str]
) -> None:
    """Ties in their old order, gaps last, also where one key has most of the rows."""
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
