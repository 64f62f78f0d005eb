"""The request log stays within its limits, and labels go with their requests."""

from __future__ import annotations

import math
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving import Settings
from airflow_mlops.serving.database import Batch, Database, LoggedRequest
from airflow_mlops.serving.pruning import DAY_S, ROUND, LogLimits, prune
from airflow_mlops.serving.settings import parser

TABLES = ("requests", "labels", "shadows")


def fill(database: Database, ids: range, at: float, predictions: str = "[1]") -> None:
    log = [LoggedRequest(f"r{i}", at, 8, 1, 1, 200, 1, predictions, None, 0.1) for i in ids]
    database.write_batch(Batch(log=log, shadows=[(f"r{i}", 2, predictions) for i in ids]))
    for i in ids:
        database.write_label(f"r{i}", 1, at)


def kept(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return {t: {row[0] for row in connection.execute(f"SELECT request_id FROM {t}")} for t in TABLES}


def test_the_oldest_go_beyond_the_number_of_rows_with_labels_and_copies(tmp_path: Path) -> None:
    database = Database(tmp_path / "s.sqlite", LogLimits(rows=10))
    for start in range(0, 100, 20):
        fill(database, range(start, start + 20), time.time())
    fill(database, range(100, 101), time.time())
    newest = {f"r{i}" for i in range(91, 101)}
    assert kept(tmp_path / "s.sqlite") == dict.fromkeys(TABLES, newest)
    database.close()


def test_a_request_of_an_id_that_was_used_again_keeps_its_label(tmp_path: Path) -> None:
    database = Database(tmp_path / "s.sqlite", LogLimits(rows=2))
    for ids in (range(0, 1), range(1, 2), range(0, 1), range(2, 3)):
        fill(database, ids, time.time())
    assert kept(tmp_path / "s.sqlite")["labels"] == {"r0", "r2"}
    database.close()


def steps_of_a_round(path: Path, rows: int) -> int:
    """Return how much work of SQLite, in tens of instructions, a round is where so many rows are kept."""
    database = Database(path, LogLimits(rows=rows))
    log = [LoggedRequest(f"r{i}", time.time(), 8, 1, 1, 200, 1, "[1]", None, 0.1) for i in range(rows + 20)]
    shadows = [(item.request_id, 2, "[1]") for item in log]
    database.write_batch(Batch(log=log[:rows], shadows=shadows[:rows]))
    steps: list[None] = []
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO labels VALUES (?, '1', 0)", [(item[0],) for item in log[:rows]])
        connection.executemany(f"INSERT INTO requests VALUES (NULL{', ?' * len(log[0])})", log[rows:])
        connection.set_progress_handler(lambda: steps.append(None), 10)
        assert prune(connection, LogLimits(rows=rows), time.time(), added=20) == 20
    return len(steps)


def test_a_round_costs_what_goes_however_much_stays(tmp_path: Path) -> None:
    small = steps_of_a_round(tmp_path / "small.sqlite", 500)
    large = steps_of_a_round(tmp_path / "large.sqlite", 20_000)
    assert large < 2 * small


def test_old_ones_go_where_nothing_is_written(tmp_path: Path) -> None:
    path, now = tmp_path / "s.sqlite", time.time()
    database = Database(path, LogLimits(days=math.inf))
    fill(database, range(5), now - 8 * DAY_S)
    fill(database, range(5, 9), now - 6 * DAY_S)
    database.close()
    database = Database(path, LogLimits(days=7))
    database.prune()
    assert kept(path)["requests"] == kept(path)["labels"] == {"r5", "r6", "r7", "r8"}
    database.close()


@pytest.mark.parametrize("write", [False, True])
def test_old_ones_go_from_behind_one_of_a_time_to_come(tmp_path: Path, write: bool) -> None:
    path, now = tmp_path / "s.sqlite", time.time()
    database = Database(path, LogLimits(days=math.inf))
    fill(database, range(1), now + 300 * DAY_S)
    fill(database, range(1, 5), now - 8 * DAY_S)
    database.close()
    database = Database(path, LogLimits(days=7))
    if write:
        fill(database, range(5, 9), now)
    else:
        database.prune()
    assert kept(path)["requests"] == ({"r5", "r6", "r7", "r8"} if write else set())
    database.close()


def test_the_file_stays_within_its_size_and_gives_space_back(tmp_path: Path) -> None:
    path, limit = tmp_path / "s.sqlite", 1024**2
    database = Database(path, LogLimits(size=limit))
    text = "[" + "1," * 500 + "1]"
    for start in range(0, 10_000, 500):
        log = [
            LoggedRequest(f"r{i}", time.time(), 8, 1, 1, 200, 1, text, None, 0.1)
            for i in range(start, start + 500)
        ]
        database.write_batch(Batch(log=log))
    for _ in range(10):
        database.prune()
    database.close()
    assert kept(path)["requests"]
    assert path.stat().st_size < 3 * limit


def test_labels_that_an_earlier_server_kept_without_requests_go(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    database = Database(path, LogLimits())
    fill(database, range(3), time.time())
    database.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        old = [(f"gone{i}", "1", 0.0) for i in range(ROUND + 5)]
        connection.executemany("INSERT INTO labels VALUES (?, ?, ?)", old)
    database = Database(path, LogLimits())
    for i in range(2):
        fill(database, range(10 + i, 11 + i), time.time())
    assert kept(path)["labels"] == {"r0", "r1", "r2", "r10", "r11"}
    database.close()


def test_the_limits_are_options_of_the_server(tmp_path: Path) -> None:
    words = ["--name", "m", "--tracking-uri", "u", "--state-dir", str(tmp_path)]
    given = parser().parse_args([*words, "--log-rows", "500", "--log-days", "2.5", "--log-size", "1.5GB"])
    assert (given.log_rows, given.log_days, given.log_size) == (500, 2.5, 1536 * 1024**2)


@pytest.mark.parametrize("limit", [{"log_rows": 0}, {"log_days": 0}, {"log_days": math.nan}, {"log_size": 9}])
def test_limits_that_keep_nothing_are_refused(limit: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--log-rows must be at least 1"):
        Settings(name="m", tracking_uri="u", token="t", state_dir=tmp_path, **limit)
