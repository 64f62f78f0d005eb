"""What goes wrong while rows are read and written in batches: the error says what to do, nothing is left."""

from __future__ import annotations

import errno
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.core.errors import BackendError
from airflow_mlops.data.dataset_writer import dataset_writer
from airflow_mlops.data.source_rows import request_of
from airflow_mlops.data.sources.files import CsvSource, ParquetSource
from airflow_mlops.data.sources.report import ReadReport
from airflow_mlops.stages import ingest
from airflow_mlops.storage.locations import PLAIN_STORAGE
from tests.unit.data.batches import assert_same, call, sizes

DATA: dict[str, Any] = {
    "source": {"type": "csv", "filepath": "rows.csv"}, "target": "y", "keys": ["id"], "time": None,
}  # fmt: skip


def write_rows(folder: Path, rows: int = 20_000) -> Path:
    draw = np.random.default_rng(3)
    path = folder / "rows.csv"
    frame = pd.DataFrame({"id": draw.permutation(rows), "x": draw.normal(0, 1, rows), "y": 0})
    frame.to_csv(path, index=False)
    return path


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file can be larger: what a full disk does to a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_of_temporary_files_is_an_error_with_the_folder_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path)
    spilled = tmp_path / "temporary"
    spilled.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spilled))
    asked = call(tmp_path, DATA, str(tmp_path / "artifacts"))
    with (
        sizes(whole=0, batch=20_000),
        disk_of(50_000),
        pytest.raises(BackendError, match=r"temporary files in .*temporary: .*TMPDIR"),
    ):
        ingest.run(asked)
    assert list(spilled.iterdir()) == []


def test_a_disk_that_is_full_while_rows_are_sorted_is_told_with_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dataset is written meanwhile, to another folder that has nothing to do with it."""
    write_rows(tmp_path, 2_000)
    asked = call(tmp_path, DATA, str(tmp_path / "artifacts"))
    made: list[Any] = []
    new = tempfile.NamedTemporaryFile

    def first_only(**options: Any) -> Any:
        if made:
            raise OSError(errno.ENOSPC, "No space left on device")
        made.append(new(**options))
        return made[0]

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", first_only)
    with (
        sizes(whole=0, batch=5_000, piece=9_000),
        pytest.raises(BackendError, match=r"cannot write temporary files in .*TMPDIR"),
    ):
        ingest.run(asked)
    assert list((tmp_path / "artifacts" / "rows" / "data").iterdir()) == []


def test_a_machine_without_a_folder_for_temporary_files_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path, 30)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with sizes(whole=0, batch=500), pytest.raises(BackendError, match=r"temporary files in .*gone.*TMPDIR"):
        ingest.run(call(tmp_path, DATA, str(tmp_path / "artifacts")))


def test_a_full_disk_of_datasets_is_an_error_with_the_folder_and_leaves_nothing(tmp_path: Path) -> None:
    rows = pd.DataFrame({"x": np.random.default_rng(3).normal(0, 1, 20_000)})
    folder = str(tmp_path / "data")
    with disk_of(50_000), pytest.raises(BackendError, match=r"cannot write .*data: .*rights and space"):
        write_batches(rows, folder)
    assert list((tmp_path / "data").iterdir()) == []


def write_batches(rows: pd.DataFrame, folder: str) -> None:
    with sizes(whole=0, piece=10_000), dataset_writer(folder, PLAIN_STORAGE, {}) as writer:
        for begin in range(0, len(rows), 1000):
            writer.add(rows[begin : begin + 1000])
        writer.finish()


@pytest.mark.parametrize("change", ["longer", "other rows of the same size", "gone"])
def test_a_file_that_changes_between_its_two_readings_is_an_error_that_is_retried(
    tmp_path: Path, change: str
) -> None:
    path = write_rows(tmp_path, 300)
    asked = call(tmp_path, DATA, str(tmp_path / "artifacts"))
    request = request_of(
        asked.pipeline.data, base=tmp_path, connections=asked.connections, report=ReadReport()
    )
    with sizes(whole=0, batch=500):
        batches = CsvSource().batches(request)
        assert batches is not None
        if change == "gone":
            path.unlink()
        elif change == "longer":
            path.write_text(f"{path.read_text()}301,1,0\n")
        else:
            text = path.read_text()
            path.unlink()
            path.write_text(text.replace("0", "1"))
        expected = "changed while it was read: run the task again|cannot reach"
        with pytest.raises(BackendError, match=expected):
            list(batches.tables)


def test_a_parquet_file_that_changes_after_its_footer_was_read_is_an_error_that_is_retried(
    tmp_path: Path,
) -> None:
    """Its rows would be read by the places that another file had them in."""
    path = tmp_path / "rows.parquet"
    rows = pd.DataFrame({"id": range(300), "x": "a" * 9, "y": 0})
    rows.to_parquet(path, row_group_size=50)
    source = {"type": "parquet", "filepath": "rows.parquet"}
    asked = call(tmp_path, {**DATA, "source": source}, str(tmp_path / "artifacts"))
    request = request_of(
        asked.pipeline.data, base=tmp_path, connections=asked.connections, report=ReadReport()
    )
    with sizes(whole=0, batch=500):
        found = ParquetSource().batches(request)
        assert found is not None
        path.unlink()
        rows[::-1].assign(x="other").to_parquet(path, row_group_size=80)
        with pytest.raises(BackendError, match="changed while it was read: run the task again"):
            list(found.tables)


def test_hundreds_of_columns_in_batches_are_what_they_are_at_once(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    wide = pd.DataFrame(draw.integers(0, 9, (6, 300))).add_prefix("c")
    wide.assign(id=[3, 1, 2, 6, 5, 4], y=0).to_csv(tmp_path / "rows.csv", index=False)
    dataset, fault = assert_same(tmp_path, DATA, batch=1_800, piece=9_000)
    assert dataset is not None, fault
    assert len(dataset.columns) == 302
