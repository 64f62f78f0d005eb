"""benchmarks/endurance.py: what it says about memory and log, and a short run of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.servers.verdicts import LEAST_LINES, Line, judge_log, judge_memory, seconds_of_a_line

ROOT = Path(__file__).parents[3]


def lines(megabytes: list[float], rows: int = 0, disk: float = 1.0) -> list[Line]:
    return [Line(60.0, 1000, 50, 0, held, 1, disk, rows) for held in megabytes]


def full(disks: list[float], rows: int = 1000) -> list[Line]:
    return [line for disk in disks for line in lines([100.0], rows, disk)]


@pytest.mark.parametrize(
    ("megabytes", "said"),
    [
        ([90, 95, 100, 100, 100, 104, 104], "memory: flat, 104.0 MB at the end, 1.040 of lines 3 to 5"),
        ([90, 95, 100, 100, 100, 106, 106], "memory: GROWS, 106.0 MB at the end, 1.060 of lines 3 to 5"),
        ([100.0] * 6, "memory: cannot be judged, 6 of at least 7 lines"),
    ],
)
def test_memory_may_grow_by_five_percent(megabytes: list[float], said: str) -> None:
    assert judge_memory(lines(megabytes)).startswith(said)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (full([20, 20, 21, 20]), "log: bounded, at most 1,000 rows in one log (bound 1,000)"),
        (full([20, 20, 20, 22]), "log: ROWS BOUNDED, BUT THE FOLDER GROWS"),
        (full([20] * 4, rows=1200), "log: NOT BOUNDED, 1,200 rows in one log (bound 1,000)"),
        (full([20] * 4, rows=900), "log: cannot be judged, 900 rows in one log"),
        (full([20] * 3), "log: cannot be judged, 1,000 rows in one log"),
    ],
)
def test_a_log_is_bounded_when_its_rows_are_and_its_folder_stops_growing(
    found: list[Line], said: str
) -> None:
    assert judge_log(found, bound=1000).startswith(said)


@pytest.mark.parametrize(("minutes", "seconds"), [(2, 15), (8, 60), (20, 60), (0.5, 3.75)])
def test_a_run_has_lines_enough_to_judge_memory(minutes: float, seconds: float) -> None:
    assert seconds_of_a_line(minutes) == seconds
    assert round(60 * minutes / seconds) >= LEAST_LINES


@pytest.mark.parametrize("target", ["local", "haproxy"])
def test_a_short_run_answers_everything_and_says_what_it_cannot_judge(target: str) -> None:
    command = [sys.executable, "benchmarks/endurance.py", "--target", target, "--rps", "50"]
    ran = subprocess.run(
        [*command, "--minutes", "0.1", "--every", "3"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = ran.stdout.splitlines()
    assert shown[-3].startswith("memory: cannot be judged, 2 of")
    assert shown[-2].startswith("log: cannot be judged")
    assert shown[-1].endswith(" 0 failed")
    assert "0 requests, 0 labels" not in shown[-1]
