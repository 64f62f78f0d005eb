"""Ingest and validation of a large CSV file: our stages, and pandas with Great Expectations.

Each runs in a process of its own, from the CSV file to the stored Parquet file and the verdicts. The peak is
the most memory that the process has had (VmHWM), CPU seconds are those of all its threads. A file of a
quarter of the size is read first: with a bound, the peak does not grow with the file.

    python benchmarks/ingest.py              1 GB
    python benchmarks/ingest.py --full       5 GB; pandas is not run there: it needs several times the file
    python benchmarks/ingest.py 2.5          any size in GB

The file is written to the folder for temporary files (TMPDIR), which needs about three times its size, and is
removed afterwards. pandas is BSD-3-Clause, Great Expectations Apache-2.0, DuckDB MIT.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

GIGABYTE = 10**9
BLOCK = 200_000
PLANS = ["basic", "plus", "pro", "team"]
EXPECT: list[dict[str, Any]] = [
    {"column": "visit", "not_null": True},
    {"column": "customer", "min": 0},
    {"column": "age", "min": 18, "max": 100},
    {"column": "price", "min": 0, "max": 1000},
    {"column": "plan", "in": PLANS},
    {"column": "code", "regex": "^[A-Z]{2}[0-9]{4}$"},
    {"column": "seen_at", "min": "2024-01-01", "max": "2025-12-31"},
    {"expect_column_mean_to_be_between": {"column": "price", "min_value": 40, "max_value": 60}},
    {"expect_table_row_count_to_be_between": {"min_value": 100}},
]
DATA: dict[str, Any] = {
    "source": {"type": "csv", "filepath": "rows.csv"},
    "target": "bought",
    "keys": ["customer", "seen_at"],
}


def block(number: int) -> pd.DataFrame:
    """Rows in no order of their keys, some with gaps."""
    draw = np.random.default_rng(number)
    seconds = draw.integers(0, 600 * 86400, BLOCK)
    frame = pd.DataFrame(
        {
            "visit": np.arange(number * BLOCK, (number + 1) * BLOCK),
            "customer": draw.integers(0, 3_000_000, BLOCK),
            "seen_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s"),
            "age": draw.integers(18, 100, BLOCK),
            "price": draw.exponential(50, BLOCK).clip(0, 999).round(2),
            "plan": draw.choice(PLANS, BLOCK),
            "code": np.char.add(
                draw.choice(["AB", "CD"], BLOCK), draw.integers(1000, 9999, BLOCK).astype(str)
            ),
            "note": draw.choice(["", "called twice", "prefers e-mail", "moved"], BLOCK),
            **{f"extra_{extra}": draw.normal(0, 1, BLOCK).round(4) for extra in range(6)},
            "bought": draw.integers(0, 2, BLOCK),
        }
    )
    return frame.assign(score=pd.Series(draw.normal(0, 1, BLOCK).round(4)).where(draw.random(BLOCK) > 0.02))


def write_csv(path: Path, size: int) -> int:
    """Write a CSV file of about ``size`` bytes; returns its rows."""
    number = 0
    with path.open("w") as file:
        while file.tell() < size:
            block(number).to_csv(file, index=False, header=number == 0)
            number += 1
    return number * BLOCK


def ours(folder: Path) -> dict[str, Any]:
    """The stages ingest and validate, called as Airflow's task and the local run call them."""
    from airflow_mlops.lifecycle.call import StageCall
    from airflow_mlops.lifecycle.ports import environment_ports
    from airflow_mlops.lifecycle.table import TASKS
    from airflow_mlops.stages import ingest, validate

    needs = {task.id: task.config for task in TASKS}
    ports = environment_ports("sqlite://", str(folder))
    pipeline = {"name": "visits", "data": DATA, "validate": {"expect": EXPECT, "engine": "duckdb"}}
    request: dict[str, Any] = {
        "task_key": "benchmark", "artifacts": str(folder / "artifacts"), "base": str(folder), "user": "",
        "as_of": "2026-01-01T00:00:00+00:00", "window_start": None, "options": {}, "pipeline": pipeline,
    }  # fmt: skip
    first = StageCall.from_request({**request, "stage": "ingest", "inputs": {}}, ports, needs["ingest"])
    dataset = ingest.run(first)
    print(f"after ingest {peak():,.0f} MB, {time.process_time():.1f} CPU s", file=sys.stderr)
    inputs = {"dataset": dataset.to_json()}
    second = StageCall.from_request(
        {**request, "stage": "validate", "inputs": inputs}, ports, needs["validate"]
    )
    report = validate.run(second)
    return {"rows": dataset.rows, "passed": report.passed}


def by_pandas(folder: Path) -> dict[str, Any]:
    """pandas and Great Expectations as their documentation shows them."""
    from validation import plain_suite

    frame = pd.read_csv(folder / "rows.csv", parse_dates=["seen_at"])
    frame = frame.sort_values(["customer", "seen_at"], kind="stable", ignore_index=True)
    frame.to_parquet(folder / "rows.parquet", index=False)
    verdicts = plain_suite(frame, EXPECT)
    return {"rows": len(frame), "passed": all(verdicts)}


NAMES = {"ours": "airflow-mlops, engine: duckdb", "pandas": "pandas, Great Expectations"}


def peak() -> float:
    """The most memory that this process has had, in MB; not ru_maxrss, which a child inherits."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 10**6


def one(name: str, folder: str) -> None:
    found = {"ours": ours, "pandas": by_pandas}[name](Path(folder))
    print(json.dumps({**found, "cpu": time.process_time(), "peak": peak()}))


def measured(name: str, folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-W", "ignore", __file__, "--one", name, str(folder)]
    ran = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{NAMES[name]} failed")
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def main(size: float, names: list[str]) -> None:
    for part in (size / 4, size):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            rows = write_csv(folder / "rows.csv", int(part * GIGABYTE))
            written = (folder / "rows.csv").stat().st_size / GIGABYTE
            print(f"\n{written:.2f} GB of CSV, {rows:,} rows, 16 columns, {len(EXPECT)} expectations")
            for name in names:
                found = measured(name, folder)
                assert found["rows"] == rows, found
                assert found["passed"], found
                print(f"  {NAMES[name]:<32} {found['cpu']:7.1f} CPU s  {found['peak']:7,.0f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:4])
    elif sys.argv[1:2] == ["--full"]:
        main(5, ["ours"])
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 1, list(NAMES))
