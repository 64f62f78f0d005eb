"""Fifteen expectations on a table of twenty columns: our two engines, Great Expectations, pandera.

Each runs in a process of its own, from the Parquet file to the verdicts; importing libraries is not counted.
CPU seconds are those of all threads, the peak is that of the whole process. Before anything is timed, all
verdicts are compared on a table in which every second expectation is broken.

    python benchmarks/validation.py [ROWS…]      RUNS=1 runs each once, not three times

Great Expectations is Apache-2.0, DuckDB MIT, pandera MIT.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from airflow_mlops.config.expectations import expand
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.datasets import read_dataset, write_dataset

ROWS = (1_000_000, 5_000_000)
RUNS = int(os.environ.get("RUNS", "3"))
PLANS = ["basic", "plus", "pro", "team"]
EXPECT: list[dict[str, Any]] = [
    {"column": "id", "unique": True},
    {"column": "id", "not_null": True},
    {"column": "age", "min": 18, "max": 100},
    {"column": "visits", "min": 0},
    {"column": "price", "min": 0, "max": 1000},
    {"column": "score", "min": -10, "max": 10},
    {"column": "score", "not_null": True},
    {"column": "plan", "in": PLANS},
    {"column": "region", "not_null": True},
    {"column": "code", "regex": "^[A-Z]{2}[0-9]{4}$"},
    {"expect_column_value_lengths_to_equal": {"column": "code", "value": 6}},
    {"column": "seen_at", "min": "2024-01-01", "max": "2025-12-31"},
    {"expect_column_mean_to_be_between": {"column": "price", "min_value": 40, "max_value": 60}},
    {"expect_column_max_to_be_between": {"column": "age", "max_value": 100}},
    {"expect_table_row_count_to_be_between": {"min_value": 100}},
]


def table(rows: int, *, faulty: bool = False) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "age": draw.integers(18, 100, rows),
            "visits": draw.integers(0, 500, rows),
            "price": draw.exponential(50, rows).clip(0, 999),
            "score": draw.normal(0, 1, rows),
            "plan": draw.choice(PLANS, rows),
            "region": draw.choice(["north", "south", "east", "west"], rows),
            "code": np.char.add(draw.choice(["AB", "CD"], rows), draw.integers(1000, 9999, rows).astype(str)),
            "seen_at": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(draw.integers(0, 600 * 86400, rows), unit="s"),
            **{f"extra_{number}": draw.normal(0, 1, rows) for number in range(11)},
        }
    )
    if faulty:
        frame.loc[0, ["id", "age", "price", "plan", "code"]] = [1, 7, 2000.0, "none", "ab"]
        frame.loc[1, "score"] = None
    return frame


def ours(file: Path, ref: DatasetRef, engine: str) -> list[bool]:
    from airflow_mlops.data.validation import Terms
    from airflow_mlops.data.validation.stored import evaluate_dataset
    from airflow_mlops.storage.locations import PLAIN_STORAGE

    outcomes = evaluate_dataset(
        ref,
        expand(EXPECT),
        Terms(),
        place=PLAIN_STORAGE.locate(str(file)),
        read=lambda columns: read_dataset(ref, columns),
        engine=engine,  # type: ignore[arg-type]
    )
    return [outcome.failure is None for outcome in outcomes]


def plain(file: Path) -> list[bool]:
    return plain_suite(pd.read_parquet(file), EXPECT)


def plain_suite(frame: pd.DataFrame, expect: list[dict[str, Any]]) -> list[bool]:
    """Great Expectations as its documentation shows it; dates are given as it takes them."""
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite("suite")
    for number, item in enumerate(expand(expect)):
        arguments = dict(item.arguments)
        if arguments["column" if "column" in arguments else "min_value"] == "seen_at":
            arguments |= {key: pd.Timestamp(arguments[key]) for key in ("min_value", "max_value")}
        suite.add_expectation(get_expectation_impl(item.name)(**arguments, meta={"number": number}))
    results = batch.validate(suite, result_format="SUMMARY").results
    found = {result.expectation_config.meta["number"]: bool(result.success) for result in results}
    return [found[number] for number in range(len(expect))]


def by_pandera(file: Path) -> list[bool]:
    import pandera.pandas as pa
    from pandera.errors import SchemaErrors

    frame = pd.read_parquet(file)
    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(unique=True, nullable=False),
            "age": pa.Column(checks=[pa.Check.in_range(18, 100)]),
            "visits": pa.Column(checks=[pa.Check.ge(0)]),
            "price": pa.Column(
                checks=[pa.Check.in_range(0, 1000), pa.Check(lambda values: 40 <= values.mean() <= 60)]
            ),
            "score": pa.Column(checks=[pa.Check.in_range(-10, 10)], nullable=False),
            "plan": pa.Column(checks=[pa.Check.isin(PLANS)]),
            "region": pa.Column(nullable=False),
            "code": pa.Column(checks=[pa.Check.str_matches("^[A-Z]{2}[0-9]{4}$"), pa.Check.str_length(6, 6)]),
            "seen_at": pa.Column(
                checks=[pa.Check.in_range(pd.Timestamp("2024-01-01"), pd.Timestamp("2025-12-31"))]
            ),
        },
        checks=[pa.Check(lambda rows: len(rows) >= 100)],
    )
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors:
        return [False]
    return [True]


def one(name: str, folder: str) -> None:
    """In a process of its own: import, then check; print the verdicts and what it cost."""
    if name in ("GX", "plain"):
        import great_expectations.expectations  # noqa: F401
    if name == "DuckDB":
        import duckdb  # noqa: F401
    if name == "pandera":
        import pandera.pandas  # noqa: F401
    ref = DatasetRef.from_json(json.loads((Path(folder) / "ref.json").read_text()))
    file = Path(ref.uri)
    engines: dict[str, Callable[[], list[bool]]] = {
        "DuckDB": lambda: ours(file, ref, "duckdb"),
        "GX": lambda: ours(file, ref, "great_expectations"),
        "plain": lambda: plain(file),
        "pandera": lambda: by_pandera(file),
    }
    started = time.process_time()
    verdicts = engines[name]()
    cost = time.process_time() - started
    # not ru_maxrss: a child inherits it from the process that has made the table
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"verdicts": verdicts, "cpu": cost, "peak": peak}))


NAMES = {
    "DuckDB": "airflow-mlops, engine: duckdb",
    "GX": "airflow-mlops, engine: great_expectations",
    "plain": "Great Expectations",
    "pandera": "pandera",
}


def measured(name: str, folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-W", "ignore", __file__, "--one", name, str(folder)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{NAMES[name]} failed:\n{ran.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def stored(frame: pd.DataFrame, folder: Path) -> None:
    ref = write_dataset(frame, str(folder))
    (folder / "ref.json").write_text(json.dumps(ref.to_json()))


def main(counts: list[int]) -> None:
    names = [name for name in NAMES if name != "pandera" or importlib.util.find_spec("pandera")]
    with tempfile.TemporaryDirectory() as temporary:
        faulty = Path(temporary) / "faulty"
        stored(table(1000, faulty=True), faulty)
        verdicts = {name: measured(name, faulty)["verdicts"] for name in names}
        expected = verdicts["plain"]
        assert verdicts["DuckDB"] == verdicts["GX"] == expected, verdicts
        assert expected.count(False) == 7, expected
        assert verdicts.get("pandera", [False]) == [False]
        print(f"verdicts agree: {expected.count(False)} of {len(expected)} fail on the faulty table")
        for rows in counts:
            folder = Path(temporary) / str(rows)
            stored(table(rows), folder)
            print(f"\n{rows:,} rows, 20 columns, {len(EXPECT)} expectations")
            for name in names:
                runs = [measured(name, folder) for _ in range(RUNS)]
                assert all(all(run["verdicts"]) for run in runs), (name, runs[0])
                cost, peak = min(run["cpu"] for run in runs), max(run["peak"] for run in runs)
                print(f"  {NAMES[name]:<42} {cost:6.2f} CPU s  {peak:6,.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:4])
    else:
        main([int(word) for word in sys.argv[1:]] or list(ROWS))
