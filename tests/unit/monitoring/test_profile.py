from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_mlops.core.errors import BackendError
from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, NumericProfile, Profile
from airflow_mlops.monitoring.core.drift.verdict import judge
from airflow_mlops.monitoring.profile import MAX_BYTES, build_profile, window_profile


def frame(rows: int = 3_000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    half = rng.random(rows) < 0.5
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "whole": pd.array(np.where(half, rng.integers(0, 9, rows), 0), dtype="Int64"),
            "gaps": np.where(half, np.nan, rng.normal(size=rows)),
            "money": [Decimal(int(v)) / 4 for v in rng.integers(0, 99, rows)],
            "took": pd.to_timedelta(rng.integers(0, 900, rows), unit="s"),
            "city": rng.choice(["Ulm", "Rom", "Nîmes"], rows),
            "kind": pd.Categorical(rng.choice(["a", "b"], rows)),
            "flag": half,
            "sometimes": np.where(half, None, "yes"),
            "mixed": [1, "one"] * (rows // 2),
            "at": pd.Timestamp("2020-01-01", tz="UTC"),
            "day": "2020-01-01",
            "id": [f"{seed}-{i}" for i in range(rows)],
            "lists": [[1]] * rows,
        }
    )


def test_every_kind_of_column_is_profiled_and_times_are_left_out() -> None:
    rows = frame()
    found = Profile.from_json(build_profile(rows, pd.Series([0, 1] * 1_500, name="y"), rows["x"].to_numpy()))
    kinds = {name: column.kind for name, column in found.columns.items()}
    assert {name for name, kind in kinds.items() if kind == "numeric"} == {
        "x",
        "whole",
        "gaps",
        "money",
        "took",
    }
    assert {name for name, kind in kinds.items() if kind == "categorical"} == {
        "city", "kind", "flag", "sometimes", "mixed", "id",
    }  # fmt: skip
    assert found.columns["gaps"].nulls == rows["gaps"].isna().sum()
    assert isinstance(took := found.columns["took"], NumericProfile)
    assert took.mean == pytest.approx(rows["took"].dt.total_seconds().mean())
    assert isinstance(ids := found.columns["id"], CategoricalProfile)
    assert (ids.levels, ids.other) == ((), 3_000)
    assert found.target == {"column": "y", "labels": 3_000, "rate": 0.5, "shares": {"0": 0.5, "1": 0.5}}
    assert found.score is not None
    assert found.score.count == 3_000


def test_excluded_columns_and_the_target_are_left_out() -> None:
    rows = frame()
    found = build_profile(rows, rows["flag"], None, exclude=["id", "at"])
    assert not {"id", "at", "flag"} & set(found["columns"])
    assert found["score"] is None
    assert found["target"]["rate"] == pytest.approx(rows["flag"].mean())


@pytest.mark.parametrize("columns", [25, 60, 120])
def test_a_profile_of_a_wide_table_stays_small(columns: int) -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(2_000, columns)), columns=[f"column_{i}" for i in range(columns)])
    assert len(json.dumps(build_profile(wide, pd.Series(np.zeros(2_000), name="y"), None))) <= MAX_BYTES


def test_a_file_has_the_profile_of_its_rows_however_they_are_grouped(tmp_path: Path) -> None:
    rows = frame().drop(columns=["mixed", "lists"])
    reference = Profile.from_json(build_profile(rows, pd.Series([0] * 3_000, name="y"), None)).columns
    found = []
    for groups in (100, 10_000):
        rows.to_parquet(tmp_path / f"{groups}.parquet", row_group_size=groups)
        found.append(window_profile(str(tmp_path / f"{groups}.parquet"), reference))
    assert found[0].keys() == found[1].keys() == reference.keys()
    for name, before in reference.items():
        for after in (found[0][name], found[1][name]):
            assert (after.counts, after.count, after.nulls) == (before.counts, before.count, before.nulls)
    assert judge(reference, found[0], score=None, rows=3_000, threshold=0.01).drifted == ()


def test_columns_that_are_gone_or_changed_kind_are_missing_and_empty_ones_are_not(tmp_path: Path) -> None:
    rows = frame()[["x", "city", "gaps", "whole"]]
    reference = Profile.from_json(build_profile(rows, pd.Series([0] * 3_000, name="y"), None)).columns
    changed = pa.table({"x": ["1", "2"], "city": pa.nulls(2), "gaps": pa.array([0.5, None], pa.float32())})
    pq.write_table(changed, tmp_path / "changed.parquet")
    found = window_profile(str(tmp_path / "changed.parquet"), reference)
    assert set(found) == {"city", "gaps"}
    assert (found["city"].count, found["city"].nulls) == (0, 2)
    assert (found["gaps"].count, found["gaps"].nulls) == (1, 1)


def test_levels_that_the_reference_does_not_know_count_as_other(tmp_path: Path) -> None:
    rows = pd.DataFrame({"city": ["Ulm"] * 900 + ["Rom"] * 100})
    reference = Profile.from_json(build_profile(rows, pd.Series([0] * 1_000, name="y"), None)).columns
    pd.DataFrame({"city": ["Rom", "Bonn", "Ulm", None, "Bonn"]}).to_parquet(tmp_path / "w.parquet")
    found = window_profile(str(tmp_path / "w.parquet"), reference)["city"]
    assert isinstance(found, CategoricalProfile)
    assert (found.levels, found.counts, found.other, found.nulls) == (("Ulm", "Rom"), (1, 1), 2, 1)


def test_a_missing_or_broken_file_can_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="run the task that wrote it again"):
        window_profile(str(tmp_path / "none.parquet"), {})
    (tmp_path / "bad.parquet").write_text("no parquet")
    with pytest.raises(BackendError, match="cannot read"):
        window_profile(str(tmp_path / "bad.parquet"), {})
