from __future__ import annotations

import pytest

from airflow_mlops.data.core.file_names import (
    PATTERN,
    all_whole,
    is_archive,
    is_ignored,
    is_leftover,
    is_typed,
    partition_values,
    table_format,
    unpacked,
)


@pytest.mark.parametrize(
    ("name", "plain", "kind"),
    [
        ("lake/rows.csv", "rows.csv", None),
        ("lake/rows.CSV.GZ", "rows.csv", "gzip"),
        ("rows.parquet.gzip", "rows.parquet", "gzip"),
        ("rows.jsonl.zst", "rows.jsonl", "zstd"),
        ("rows.csv.zip", "rows.csv", "zip"),
        ("rows.csv.bz2", "rows.csv", "bz2"),
        ("rows.csv.xz", "rows.csv", "xz"),
        ("a.zip/rows.csv", "rows.csv", None),
    ],
)
def test_the_ending_of_a_compression_is_apart_from_the_name(name: str, plain: str, kind: str | None) -> None:
    assert unpacked(name) == (plain, kind)


def test_a_file_of_a_type_may_be_compressed_and_a_leftover_is_none() -> None:
    names = [
        "a.csv",
        "A.CSV",
        "a.csv.gz",
        "a.tsv.bz2",
        "a.csv.bak",
        "a.csvx",
        "csv",
        "a.csv~",
        "a.csv.tar.gz",
    ]
    assert [name for name in names if is_typed(name, (".csv", ".tsv"))] == names[:4]
    assert [name for name in names if is_leftover(name)] == ["a.csv.bak", "a.csv~"]
    assert [name for name in names if is_archive(name)] == ["a.csv.tar.gz"]


def test_hidden_names_are_ignored_and_partitions_are_not() -> None:
    names = [".a.csv", "_SUCCESS", "_temporary", "~$a.xlsx", ".x=1"]
    assert all(map(is_ignored, names))
    assert not any(map(is_ignored, ["a.csv", "_day=1", "a_b.csv", "day=_x", "~a.csv"]))


def test_partitions_are_read_as_hive_writes_them() -> None:
    assert partition_values("lake/day=2025-01-01/shop=a%20b%3D/x") == {"day": "2025-01-01", "shop": "a b="}
    assert partition_values("shop=__HIVE_DEFAULT_PARTITION__/=a/b=") == {"shop": None, "b": ""}


def test_a_partition_is_a_number_only_if_every_value_is_one() -> None:
    assert all_whole(["1", "-2", None, "007"])
    assert not all_whole(["1", "1.0"])
    assert not all_whole(["1", ""])
    assert not all_whole(["9" * 19])


def test_the_folders_of_table_formats_are_known() -> None:
    assert table_format(["a.parquet", "_delta_log"]) == "Delta Lake"
    assert table_format([".hoodie"]) == "Apache Hudi"
    assert table_format(["00000-x.metadata.json"]) == "Apache Iceberg"
    assert table_format(["metadata", "data", "metadata.json", "a.parquet"]) is None
    assert table_format(["a.parquet", "00000-x.metadata.json", "b.parquet"]) == "Apache Iceberg"


@pytest.mark.parametrize("ending", [".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar"])
def test_an_archive_is_known_by_its_ending(ending: str) -> None:
    assert is_archive(f"rows{ending}")
    assert is_archive(f"ROWS{ending.upper()}")
    assert not is_archive(f"rows{ending}.csv")


@pytest.mark.parametrize(
    "ending", [".bak", ".crc", ".tmp", ".temp", ".old", ".orig", ".swp", ".part", ".partial", "~"]
)
def test_a_leftover_is_known_by_its_ending(ending: str) -> None:
    assert is_leftover(f"rows.csv{ending}")
    assert is_leftover(f"rows.csv{ending.upper()}")
    assert not is_leftover(f"rows{ending}.csv")


@pytest.mark.parametrize(
    ("path", "is_pattern"), [("a*.csv", True), ("a?.csv", True), ("a[1]", True), ("a]{1}.csv", False)]
)
def test_a_pattern_has_one_of_three_characters(path: str, *, is_pattern: bool) -> None:
    assert (PATTERN.search(path) is not None) is is_pattern
