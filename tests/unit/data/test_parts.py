"""A part of a stored dataset reads as a copy of its rows would."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.core.errors import BackendError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data import dataset_writer
from airflow_mlops.data.datasets import read_dataset, read_first, write_dataset
from airflow_mlops.data.digests import ContentDigest, content_digest, types_of
from airflow_mlops.data.parts import write_part
from airflow_mlops.storage.locations import PLAIN_STORAGE

ROWS = 50


def frame() -> pd.DataFrame:
    numbers = np.arange(ROWS)
    return pd.DataFrame(
        {
            "id": numbers,
            "gap": np.where(numbers % 3 == 0, np.nan, numbers / 7),
            "text": pd.Series([None if n % 5 == 0 else f"t{n % 4}" for n in numbers], dtype="str"),
            "level": pd.Categorical([f"l{n // 20}" for n in numbers]),
            "at": pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(numbers, unit="h"),
            "flag": numbers % 2 == 0,
        }
    )


def part(folder: Path, taken: np.ndarray, columns: list[str]) -> tuple[DatasetRef, pd.DataFrame]:
    rows = frame()
    whole = write_dataset(rows, str(folder))
    chosen = rows.loc[taken, columns].reset_index(drop=True)
    return write_part(whole, taken, content_digest(chosen), types_of(chosen), PLAIN_STORAGE), chosen


@given(
    st.lists(st.booleans(), min_size=ROWS, max_size=ROWS).filter(any), st.permutations(list(frame().columns))
)
@settings(max_examples=40)
def test_it_has_the_rows_columns_and_types_of_a_copy(marks: list[bool], order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_writer, "_MOST_ROWS", 7)  # several row groups
        ref, chosen = part(Path(folder), np.array(marks), order[:4])
        found = read_dataset(ref)
        pd.testing.assert_frame_equal(found, chosen)
        assert content_digest(found) == ref.digest
        pd.testing.assert_frame_equal(read_dataset(ref, order[3:4]), chosen[order[3:4]])
        pd.testing.assert_frame_equal(read_first(ref, 5), chosen.head(5))


def test_marks_are_written_once_and_cannot_be_taken_for_rows(tmp_path: Path) -> None:
    taken = np.arange(ROWS) % 2 == 0
    ref, _ = part(tmp_path, taken, ["id"])
    before = Path(ref.uri).stat()
    assert part(tmp_path, taken, ["id"])[0] == ref
    assert Path(ref.uri).stat().st_mtime_ns == before.st_mtime_ns
    assert not {"id", "text"} & set(pq.read_schema(ref.uri).names)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_of_other_rows_is_refused(tmp_path: Path) -> None:
    ref, _ = part(tmp_path, np.ones(ROWS, dtype=bool), ["id"])
    frame().head(9).to_parquet(ref.of)
    with pytest.raises(BackendError, match="has 9 rows, not 50; run the task that wrote it again"):
        read_dataset(ref)
    Path(ref.of).unlink()
    with pytest.raises(BackendError, match="cannot read"):
        read_first(ref, 2)


def test_the_digest_of_some_columns_is_that_of_their_frame() -> None:
    rows = frame()
    digest = ContentDigest(types_of(rows))
    digest.add(rows)
    assert digest.hexdigest(["text", "id"]) == content_digest(rows[["text", "id"]])
    assert digest.hexdigest() == content_digest(rows)
