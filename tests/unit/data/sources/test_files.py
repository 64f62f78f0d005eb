"""Which files are read, how they are put together, and what is said when that cannot be."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.data.datasets import read_dataset, write_dataset
from airflow_mlops.data.source_rows import read_rows
from airflow_mlops.data.sources.arrow_types import common
from airflow_mlops.data.sources.report import ReadReport
from tests.support import free_port

ROWS = pd.DataFrame({"id": [1, 2, 3, 4], "x": [0.5, -1.5, 2.25, 4.0], "y": [0, 1, 0, 1]})


def section(filepath: Any, kind: str = "csv", **load_args: Any) -> Data:
    source = {"type": kind, "filepath": filepath, "load_args": load_args}
    return Data.model_validate({"source": source, "target": "y", "keys": ["id"]})


def read(tmp: Path, filepath: Any, kind: str = "csv", **load_args: Any) -> tuple[pd.DataFrame, ReadReport]:
    report = ReadReport()
    return read_rows(section(filepath, kind, **load_args), base=tmp, report=report), report


def csv(tmp: Path, name: str, rows: pd.DataFrame = ROWS, **how: Any) -> Path:
    path = tmp / name
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(path, index=False, **how)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "a.csv.bak",
        "a.csv.tmp",
        ".a.csv",
        "_a.csv",
        "~$a.csv",
        ".a.csv.crc",
        ".ipynb_checkpoints/a.csv",
        "_tmp/b.csv",
    ],
)
def test_a_file_that_is_not_data_adds_no_row(tmp_path: Path, name: str) -> None:
    csv(tmp_path, "rows/a.csv")
    csv(tmp_path, f"rows/{name}")
    assert read(tmp_path, "rows")[0]["id"].tolist() == [1, 2, 3, 4]


def test_a_file_of_another_name_is_reported(tmp_path: Path) -> None:
    csv(tmp_path, "rows/a.csv")
    csv(tmp_path, "rows/all.csv.bak")
    assert "all.csv.bak" in read(tmp_path, "rows")[1].notes[0]


def test_a_hidden_folder_above_the_source_hides_nothing(tmp_path: Path) -> None:
    csv(tmp_path, ".cache/_run/rows/a.csv")
    assert len(read(tmp_path / ".cache" / "_run", "rows")[0]) == 4
    assert len(read(tmp_path / ".cache" / "_run", "rows/*.csv")[0]) == 4


@pytest.mark.parametrize(
    "filepath", ["rows/2025-*.csv", ["rows/2025-02.csv", "rows/2025-01.csv"], "rows/**/2025*.csv"]
)
def test_patterns_and_lists_take_what_they_name(tmp_path: Path, filepath: Any) -> None:
    csv(tmp_path, "rows/2025-01.csv", ROWS[:2])
    csv(tmp_path, "rows/2025-02.csv", ROWS[2:])
    csv(tmp_path, "rows/2024-12.csv", ROWS.assign(id=9))
    assert read(tmp_path, filepath)[0]["id"].tolist() == [1, 2, 3, 4]


def test_a_file_whose_name_has_the_characters_of_a_pattern_is_itself(tmp_path: Path) -> None:
    csv(tmp_path, "rows[1].csv")
    assert len(read(tmp_path, "rows[1].csv")[0]) == 4


def test_a_pattern_without_a_match_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no csv file matches the pattern .*2025-\*\.csv"):
        read(tmp_path, "2025-*.csv")


def test_a_folder_of_one_that_leads_back_is_refused_and_a_second_link_adds_no_row(tmp_path: Path) -> None:
    csv(tmp_path, "rows/a.csv")
    (tmp_path / "rows" / "b.csv").symlink_to(tmp_path / "rows" / "a.csv")
    rows, report = read(tmp_path, "rows")
    assert len(rows) == 4
    assert "b.csv" in report.notes[0]
    (tmp_path / "rows" / "loop").symlink_to(tmp_path / "rows", target_is_directory=True)
    with pytest.raises(ConfigError, match=r"rows/loop is a link to a folder above it"):
        read(tmp_path, "rows")


def test_copies_are_reported_and_partitions_of_equal_rows_are_not(tmp_path: Path) -> None:
    csv(tmp_path, "rows/a.csv")
    csv(tmp_path, "rows/a copy.csv")
    csv(tmp_path, "rows/none.csv", ROWS[:0])
    csv(tmp_path, "rows/no.csv", ROWS[:0])
    csv(tmp_path, "rows/a.csv.gz")
    notes = read(tmp_path, "rows")[1].notes
    assert notes == [
        f"{tmp_path}/rows/a copy.csv, {tmp_path}/rows/a.csv have the same content: their rows are there more "
        "than once",
        f"{tmp_path}/rows/a.csv and {tmp_path}/rows/a.csv.gz are both read: are their rows the same?",
    ]
    for day in ("1", "2"):
        (tmp_path / "lake" / f"day={day}").mkdir(parents=True)
        ROWS.to_parquet(tmp_path / "lake" / f"day={day}" / "a.parquet")
    assert read(tmp_path, "lake", "parquet")[1].notes == []


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").symlink_to(tmp_path / "rows.csv")
    with pytest.raises(ConfigError, match=r"rows\.csv is a link to .*rows\.csv, which cannot be opened"):
        read(tmp_path, "rows.csv")


@pytest.mark.parametrize(
    "name", ["_delta_log/0.json", ".hoodie/hoodie.properties", "metadata/v1.metadata.json"]
)
def test_the_files_of_a_table_format_are_not_its_rows(tmp_path: Path, name: str) -> None:
    (tmp_path / "lake" / name).parent.mkdir(parents=True)
    (tmp_path / "lake" / name).touch()
    ROWS.to_parquet(tmp_path / "lake" / "a.parquet")
    with pytest.raises(ConfigError, match=r"is a table of (Delta Lake|Apache \w+): .*type: callable"):
        read(tmp_path, "lake", "parquet")


def test_an_error_names_the_file_of_a_folder(tmp_path: Path) -> None:
    csv(tmp_path, "rows/a.csv")
    (tmp_path / "rows" / "b.csv").write_text("id,x,y\n1,2,3\n1,2,3,4\n")
    with pytest.raises(DataRejected, match=r"rows/b\.csv as csv: .*Expected 3 fields in line 3, saw 4.*sep"):
        read(tmp_path, "rows")


def test_a_cut_gzip_is_bad_data_and_is_not_retried(tmp_path: Path) -> None:
    whole = gzip.compress(csv(tmp_path, "a.csv").read_bytes())
    (tmp_path / "rows.csv.gz").write_bytes(whole[:-9])
    with pytest.raises(DataRejected, match=r"rows\.csv\.gz as csv: .*cut short"):
        read(tmp_path, "rows.csv.gz")
    (tmp_path / "rows.csv.gz").write_bytes(b"id,x,y\n1,2,0\n")
    with pytest.raises(DataRejected, match=r"rows\.csv\.gz as csv: .*ot a gzip"):
        read(tmp_path, "rows.csv.gz")


def test_a_damaged_page_of_parquet_is_bad_data_and_is_not_retried(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"id": range(1000), "y": 0}).to_parquet(path)
    content = bytearray(path.read_bytes())
    content[4:24] = b"\x99\xff" * 10
    path.write_bytes(content)
    with pytest.raises(DataRejected, match=r"cannot read .*rows\.parquet as parquet"):
        read(tmp_path, "rows.parquet", "parquet")


def test_a_file_that_changes_while_it_is_read_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv(tmp_path, "rows.csv")
    plain = pd.read_csv

    def slow(*args: Any, **kwargs: Any) -> pd.DataFrame:
        found = plain(*args, **kwargs)
        with path.open("a") as more:
            more.write("5,1.0,0\n")
        return found

    monkeypatch.setattr(pd, "read_csv", slow)
    with pytest.raises(BackendError, match=r"rows\.csv changed while it was read"):
        read(tmp_path, "rows.csv")


def test_an_encoding_is_asked_for_and_taken(tmp_path: Path) -> None:
    csv(tmp_path, "rows.csv", ROWS.assign(größe="ü"), encoding="latin-1")
    with pytest.raises(DataRejected, match=r"load_args: \{encoding: latin-1\}"):
        read(tmp_path, "rows.csv")
    assert read(tmp_path, "rows.csv", encoding="latin-1")[0]["größe"].tolist() == ["ü"] * 4
    csv(tmp_path, "wide.csv", encoding="utf-16")
    with pytest.raises(DataRejected, match=r"load_args: \{encoding: utf-16\}"):
        read(tmp_path, "wide.csv")


def test_a_separator_is_asked_for_and_taken(tmp_path: Path) -> None:
    csv(tmp_path, "rows.csv", sep=";", decimal=",")
    with pytest.raises(DataRejected, match=r"rows\.csv: .*load_args: \{sep: ';'\}"):
        read(tmp_path, "rows.csv")
    csv(tmp_path, "plain.csv", sep="|")
    with pytest.raises(ConfigError, match=r"plain\.csv: no column 'id'.*load_args: \{sep: '\|'\}"):
        read(tmp_path, "plain.csv")
    _, report = read(tmp_path, "rows.csv", sep=";")
    assert "decimal: ','" in report.notes[0]
    assert read(tmp_path, "rows.csv", sep=";", decimal=",")[0]["x"].tolist() == ROWS["x"].tolist()
    csv(tmp_path, "rows.tsv", sep="\t")
    assert read(tmp_path, "rows.tsv")[0]["x"].tolist() == ROWS["x"].tolist()


def test_skipped_lines_are_counted(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,x,y\n1,1,0\n2,1,0,9\n3,1,1\n4,1,1,8,8\n")
    rows, report = read(tmp_path, "rows.csv", on_bad_lines="skip")
    assert rows["id"].tolist() == [1, 3]
    assert report.left_out == {"lines that load_args.on_bad_lines skips": 2}


def test_rows_that_are_longer_than_the_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,x,y\n0,1,1,0\n1,2,2,1\n")
    with pytest.raises(DataRejected, match=r"rows have more cells than the header has names"):
        read(tmp_path, "rows.csv")


def test_lines_with_too_few_cells_are_reported_and_a_cut_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,y,x\n1,0,1\n2,1\n3,1,\n4,0,2\n")
    rows, report = read(tmp_path, "rows.csv")
    assert rows["x"].fillna(0).tolist() == [1, 0, 0, 2]
    assert report.notes == [
        f"{tmp_path}/rows.csv: 1 line has fewer cells than the header, the first is line 3: the last columns "
        "are empty there"
    ]
    (tmp_path / "rows.csv").write_text("id,y,x\n1,0,1\n2,1")
    with pytest.raises(DataRejected, match=r"rows\.csv: the last line is cut short, line 3"):
        read(tmp_path, "rows.csv")
    (tmp_path / "rows.csv").write_text('id,y,x\n1,0,"a,b"\n2,1,\n')
    assert read(tmp_path, "rows.csv")[1].notes == []


def test_codes_keep_their_zeros_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,zip,y\n1,01067,0\n2,80331,1\n")
    assert "dtype: {zip: str}" in read(tmp_path, "rows.csv")[1].notes[0]
    rows, report = read(tmp_path, "rows.csv", dtype={"zip": "str"})
    assert rows["zip"].tolist() == ["01067", "80331"]
    assert report.notes == []


@pytest.mark.parametrize(
    "name", ["rows.jsonl", "rows.ndjson", "rows.jsonl.gz", "rows.ndjson.bz2", "rows.json"]
)
def test_json_lines_are_known_by_name_or_by_their_start(tmp_path: Path, name: str) -> None:
    ROWS.to_json(tmp_path / name, orient="records", lines=True)
    assert read(tmp_path, name, "json")[0]["x"].tolist() == ROWS["x"].tolist()


def test_json_values_are_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(
        '[{"id": 1, "code": "007", "updated_at": 1735689600000, "x": 0.1234567890123456789, "y": 0}]'
    )
    rows, _ = read(tmp_path, "rows.json", "json")
    assert rows.to_dict("records") == [
        {"id": 1, "code": "007", "updated_at": 1735689600000, "x": 0.12345678901234568, "y": 0}
    ]


def test_a_json_file_of_one_row_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"id": 1, "x": 2.5, "y": 0}\n')
    assert read(tmp_path, "rows.json", "json")[0].to_dict("records") == [{"id": 1, "x": 2.5, "y": 0}]


def test_a_column_that_comes_later_is_empty_before_and_reported(tmp_path: Path) -> None:
    for month, part in (("01", ROWS[:2]), ("02", ROWS[2:].assign(z=[7, 8]))):
        (tmp_path / "lake" / f"month={month}").mkdir(parents=True)
        part.to_parquet(tmp_path / "lake" / f"month={month}" / "p.parquet")
    rows, report = read(tmp_path, "lake", "parquet")
    assert rows["z"].isna().tolist() == [True, True, False, False]
    assert rows["z"].tolist()[2:] == [7, 8]
    assert rows["month"].tolist() == [1, 1, 2, 2]
    assert report.notes == [
        f"column 'z' is not in {tmp_path}/lake/month=01/p.parquet: it is empty for their rows"
    ]


def test_whole_numbers_beside_floats_are_floats_unless_one_would_change(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    ROWS[:2].assign(z=[1, 2]).to_parquet(tmp_path / "lake" / "a.parquet")
    ROWS[2:].assign(z=[0.5, 1.5]).to_parquet(tmp_path / "lake" / "b.parquet")
    rows, report = read(tmp_path, "lake", "parquet")
    assert rows["z"].tolist() == [1.0, 2.0, 0.5, 1.5]
    assert "a.parquet" in report.notes[0]
    ROWS[:2].assign(z=[1, 2**53 + 1]).to_parquet(tmp_path / "lake" / "a.parquet")
    with pytest.raises(
        DataRejected, match=r"a\.parquet: column 'z' does not fit the type double.*9007199254740993"
    ):
        read(tmp_path, "lake", "parquet")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_rows_outside_the_window_are_counted_whoever_leaves_them_out(tmp_path: Path, kind: str) -> None:
    rows = ROWS.assign(at=pd.date_range("2025-01-01", periods=4, tz="UTC"))
    (tmp_path / "rows").mkdir()
    for name, part in (("a", rows[:2]), ("b", rows[2:])):
        path = tmp_path / "rows" / f"{name}.{kind}"
        part.to_csv(path, index=False) if kind == "csv" else part.to_parquet(path)
    data = section("rows", kind).model_copy(update={"keys": ("id", "at")})
    report = ReadReport()
    found = read_rows(data, base=tmp_path, report=report, end=dt.datetime(2025, 1, 4, tzinfo=dt.UTC))
    assert found["id"].tolist() == [1, 2, 3]
    assert report.left_out == {"outside the window": 1}


def test_an_empty_partition_says_nothing_about_types(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    ROWS.assign(z="a").to_parquet(tmp_path / "lake" / "a.parquet")
    ROWS[:0].assign(z=pd.Series([], dtype="float64")).to_parquet(tmp_path / "lake" / "b.parquet")
    ROWS[:1].assign(id=9, z=np.nan).to_parquet(tmp_path / "lake" / "c.parquet")
    rows, _ = read(tmp_path, "lake", "parquet")
    assert rows["z"].fillna("none").tolist() == ["a", "a", "a", "a", "none"]


def test_times_of_other_units_and_zones_keep_their_moment(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    times = pd.to_datetime(["2025-01-01T10:00", "2025-07-01T10:00"], utc=True)
    ROWS[:2].assign(at=times.tz_convert("Europe/Berlin").as_unit("s")).to_parquet(
        tmp_path / "lake" / "a.parquet"
    )
    ROWS[2:].assign(at=times.as_unit("ns")).to_parquet(tmp_path / "lake" / "b.parquet")
    rows, _ = read(tmp_path, "lake", "parquet")
    assert pd.to_datetime(rows["at"], utc=True).tolist() == [*times, *times]
    ROWS[2:].assign(at=times.tz_localize(None)).to_parquet(tmp_path / "lake" / "b.parquet")
    with pytest.raises(DataRejected, match=r"column 'at' is timestamp.*a\.parquet and timestamp.*b\.parquet"):
        read(tmp_path, "lake", "parquet")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pa.int8(), pa.int64(), pa.int64()),
        (pa.uint8(), pa.uint32(), pa.uint32()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.int16(), pa.float32(), pa.float64()),
        (pa.decimal128(10, 2), pa.decimal128(12, 4), pa.decimal128(12, 4)),
        (pa.decimal128(10, 2), pa.int64(), pa.decimal128(22, 2)),
        (pa.decimal128(10, 2), pa.float64(), None),
        (pa.date32(), pa.timestamp("us"), pa.timestamp("us")),
        (pa.date32(), pa.timestamp("us", "UTC"), None),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), None),
        (pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string()),
        (pa.bool_(), pa.int64(), None),
        (pa.int64(), pa.string(), None),
        (pa.null(), pa.list_(pa.int8()), pa.list_(pa.int8())),
    ],
)
def test_two_types_have_one_in_common_or_none(one: Any, other: Any, both: Any) -> None:
    assert common(one, other) == both
    assert common(other, one) == both


def test_a_named_index_of_pandas_is_a_column(tmp_path: Path) -> None:
    ROWS.set_index("id").to_parquet(tmp_path / "rows.parquet")
    assert read(tmp_path, "rows.parquet", "parquet")[0]["id"].tolist() == [1, 2, 3, 4]
    ROWS[ROWS["y"] == 1].to_parquet(tmp_path / "rows.parquet")
    assert list(read(tmp_path, "rows.parquet", "parquet")[0].columns) == ["id", "x", "y"]


def test_decimals_stay_exact_and_nullable_types_keep_their_gaps(tmp_path: Path) -> None:
    money = [
        decimal.Decimal("0.10"),
        None,
        decimal.Decimal("12345678901234567890.12"),
        decimal.Decimal("-1.00"),
    ]
    rows = ROWS.assign(money=pd.Series(money, dtype=object), n=pd.array([1, None, 3, 4], dtype="Int64"))
    rows.to_parquet(tmp_path / "rows.parquet")
    found, _ = read(tmp_path, "rows.parquet", "parquet")
    back = read_dataset(write_dataset(found, str(tmp_path / "data")))
    assert back["money"].tolist() == money
    assert back["n"].dtype == "Int64"
    assert back["n"].fillna(0).tolist() == [1, 0, 3, 4]


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
@pytest.mark.parametrize("backend", ["pyarrow", "numpy_nullable"])
def test_arrow_backed_rows_can_be_written_and_read_back(tmp_path: Path, kind: str, backend: str) -> None:
    rows = ROWS.assign(n=pd.array([1, None, 3, 4], dtype="Int64"), word=["a", None, "c", "d"])
    path = tmp_path / f"rows.{kind}"
    if kind == "csv":
        rows.to_csv(path, index=False)
    elif kind == "json":
        rows.to_json(path, orient="records")
    else:
        rows.to_parquet(path)
    found, _ = read(tmp_path, path.name, kind, dtype_backend=backend)
    back = read_dataset(write_dataset(found, str(tmp_path / "data")))
    assert back["n"].astype("float64").fillna(0).tolist() == [1, 0, 3, 4]
    assert back["word"].fillna("").tolist() == ["a", "", "c", "d"]
    assert not any(isinstance(dtype, pd.ArrowDtype) for dtype in back.dtypes)


def test_values_without_a_common_type_are_refused_by_column(tmp_path: Path) -> None:
    (tmp_path / "own_mixed.py").write_text(
        "import pandas as pd\n"
        "def rows():\n    return pd.DataFrame({'id': [1, 2], 'z': [1, 'x' * 400_000], 'y': [0, 1]})\n"
    )
    data = Data.model_validate(
        {"source": {"type": "callable", "callable": "own_mixed:rows"}, "target": "y", "keys": ["id"]}
    )
    with pytest.raises(
        DataRejected, match=r"column 'z' mixes types: 1 int such as 1; 1 str such as 'xxx"
    ) as caught:
        read_rows(data, base=tmp_path)
    assert len(str(caught.value)) < 500


def test_a_folder_without_rights_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    if os.geteuid() == 0:  # root may read everything: there is nothing to refuse
        return
    csv(tmp_path, "rows/a.csv")
    (tmp_path / "rows").chmod(0)
    with pytest.raises(ConfigError, match="cannot read"):
        read(tmp_path, "rows")


@pytest.mark.parametrize("name", ["rows.xlsx", "rows"])
def test_excel_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    rows = ROWS.assign(at=pd.to_datetime("2025-01-02"), word=["a", None, "NA?", "007"])
    (tmp_path / "rows").mkdir()
    rows[:2].to_excel(tmp_path / "rows" / "a.xlsx", index=False)
    rows[2:].to_excel(tmp_path / "rows" / "b.xlsx", index=False)
    rows.to_excel(tmp_path / "rows.xlsx", index=False)
    found, _ = read(tmp_path, name, "excel")
    assert found["x"].tolist() == ROWS["x"].tolist()
    assert found["word"].fillna("").tolist() == ["a", "", "NA?", "007"]
    assert found["at"].tolist() == rows["at"].tolist()


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "rows.xlsx") as book:
        ROWS.assign(x=0).to_excel(book, sheet_name="old", index=False)
        ROWS.to_excel(book, sheet_name="new", index=False)
    assert read(tmp_path, "rows.xlsx", "excel", sheet_name="new")[0]["x"].tolist() == ROWS["x"].tolist()
    assert "'old' is read, not new" in read(tmp_path, "rows.xlsx", "excel")[1].notes[0]
    with pytest.raises(ConfigError, match=r"rows\.xlsx: no sheet 'nwe'; has old, new"):
        read(tmp_path, "rows.xlsx", "excel", sheet_name="nwe")


def test_a_missing_library_is_named_with_what_installs_it(tmp_path: Path) -> None:
    (tmp_path / "rows.ods").write_bytes(b"")
    (tmp_path / "rows.ods").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"rows\.ods: no library .*pip install python-calamine"):
        read(tmp_path, "rows.ods", "excel")


ARGUMENTS = {
    "csv": [
        *({"sep": 5}, {"encoding": "utf-99"}, {"encoding": 5}, {"dtype": {"x": "foo"}}, {"header": -1}),
        *({"usecols": 5}, {"engine": "foo"}, {"thousands": ",,"}, {"quoting": 9}, {"nrows": -1}),
        *({"skiprows": "x"}, {"on_bad_lines": "foo"}, {"compression": "foo"}, {"converters": 5}),
    ],
    "json": [{"encoding": "utf-99"}, {"encoding": 5}],
    "excel": [{"sheet_name": 5}, {"engine": "foo"}, {"usecols": "ZZ9"}, {"dtype": "foo"}],
    "parquet": [
        *({"columns": ["zz"]}, {"filters": [["x", "=", "a"]]}, {"filters": "x > 1"}),
        *({"filters": [["zz", "=", 1]]}, {"dtype_backend": "foo"}, {"coerce_int96_timestamp_unit": "foo"}),
    ],
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_wrong_argument_of_a_reader_is_a_fault_of_the_pipeline_file(tmp_path: Path, kind: str) -> None:
    name = f"rows.{'xlsx' if kind == 'excel' else kind}"
    write = {"csv": ROWS.to_csv, "excel": ROWS.to_excel, "parquet": ROWS.to_parquet}
    write.get(kind, lambda path, index: ROWS.to_json(path, orient="records"))(tmp_path / name, index=False)  # type: ignore[operator]
    for arguments in ARGUMENTS[kind]:
        with pytest.raises(ConfigError, match=r"data\.source\.load_args"):
            read(tmp_path, name, kind, **arguments)


def test_a_key_that_is_there_twice_is_a_fault_of_the_pipeline_file() -> None:
    with pytest.raises(ValueError, match="id is a duplicate: write each key once"):
        Data.model_validate(
            {"source": {"type": "csv", "filepath": "x.csv"}, "target": "y", "keys": ["id", "id"]}
        )


def test_an_object_of_lists_on_one_line_has_columns(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"id": [1, 2], "y": [0, 1], "z": [0.5, 1]}')
    assert read(tmp_path, "rows.json", "json")[0]["z"].tolist() == [0.5, 1]


def test_whole_numbers_that_a_fraction_makes_inexact_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"id": 1, "y": 0, "z": 9007199254740993}\n{"id": 2, "y": 1, "z": 0.5}\n'
    )
    with pytest.raises(DataRejected, match=r"'z' has whole numbers above 2\^53 beside gaps or fractions"):
        read(tmp_path, "rows.jsonl", "json")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_codes_in_the_names_of_folders_that_are_one_number_stay_text(tmp_path: Path, kind: str) -> None:
    for code, part in (("0123", ROWS[:2]), ("123", ROWS[2:])):
        path = tmp_path / "lake" / f"zip={code}" / f"a.{kind}"
        path.parent.mkdir(parents=True)
        part.to_csv(path, index=False) if kind == "csv" else part.to_parquet(path)
    assert read(tmp_path, "lake", kind)[0]["zip"].tolist() == ["0123", "0123", "123", "123"]


def test_codes_in_the_names_of_folders_that_lose_zeros_are_reported_and_months_are_not(
    tmp_path: Path,
) -> None:
    for month, code in (("01", "0123"), ("02", "4567")):
        (tmp_path / "lake" / f"month={month}" / f"zip={code}").mkdir(parents=True)
        ROWS.to_parquet(tmp_path / "lake" / f"month={month}" / f"zip={code}" / "a.parquet")
    rows, report = read(tmp_path, "lake", "parquet")
    assert sorted(set(zip(rows["month"], rows["zip"], strict=True))) == [(1, 123), (2, 4567)]
    assert report.notes == [
        "column 'zip' in the names of folders is read as whole numbers without their leading zeros, such as "
        "'0123'"
    ]


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["1.234,5", "2.500,1"], r"thousands: '\.', decimal: ','"),
        (['"1,234"', '"12,500"'], r"thousands: ','} or {decimal: ','}, whichever is right"),
        (['"1,234"', "5"], r"thousands: ','}$"),
        (["5%", "12.5%"], "numbers with a sign, such as '5%'"),
        (["€ 5", "€ 7"], "numbers with a sign"),
        (["1.2.3", "1.2.4"], ""),
        (["a, b", "c"], ""),
        (["-", "5"], ""),
        (['"first\nsecond; third"', "x"], ""),
    ],
)
def test_numbers_that_are_read_as_text_are_reported(tmp_path: Path, cells: list[str], note: str) -> None:
    rows = "".join(f"{number};{cell};0\n" for number, cell in enumerate(cells))
    (tmp_path / "rows.csv").write_text(f"id;x;y\n{rows}")
    _, report = read(tmp_path, "rows.csv", sep=";")
    assert len(report.notes) == bool(note)
    assert not note or pd.Series(report.notes).str.contains(note).all()


class Answers(BaseHTTPRequestHandler):
    """A server of files that answers by the name of the file."""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/")
        self.send_response(int(name) if name.isdigit() else 200)
        self.end_headers()
        self.wfile.write(ROWS.to_csv(index=False).encode())

    do_HEAD = do_GET  # noqa: N815 - as its base class calls it

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("404", ConfigError, "no such file http://me:…@"),
        ("403", ConfigError, "check the credentials"),
        ("500", BackendError, "cannot reach http://me:…@"),
        ("", BackendError, "cannot reach http://me:…@"),
    ],
)
def test_a_server_that_fails_is_tried_again_and_a_file_that_is_not_there_is_not(
    tmp_path: Path, server: str, name: str, kind: type[Exception], message: str
) -> None:
    place = server if name else f"127.0.0.1:{free_port()}"
    with pytest.raises(kind, match=message) as caught:
        read(tmp_path, f"http://me:sesame@{place}/{name}?token=sesame", "csv")
    assert "sesame" not in str(caught.value)
    with pytest.raises(BackendError, match="cannot reach ftp://me:…@"):
        read(tmp_path, f"ftp://me:sesame@127.0.0.1:{free_port()}/rows.csv")
