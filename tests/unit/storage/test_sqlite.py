"""Several processes, one file: the first ones at once, and writers after each other."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from airflow_mlops.storage import sqlite

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
sys.stdin.readline()
from airflow_mlops.storage import sqlite
connection = sqlite.connect(Path(sys.argv[1]))
for _ in range(50):
    with sqlite.writing(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS counts (n)")
        read = connection.execute("SELECT max(n) FROM counts").fetchone()[0] or 0
        connection.execute("INSERT INTO counts VALUES (?)", (read + 1,))
"""


def test_first_users_at_once_wait_for_each_other_and_lose_no_write(tmp_path: Path) -> None:
    file = tmp_path / "shared.sqlite"
    command = [sys.executable, "-c", PROGRAM, str(file)]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": "src"})
        for _ in range(4)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with closing(sqlite.connect(file)) as connection:
        assert connection.execute("SELECT max(n), count(*) FROM counts").fetchone() == (200, 200)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_transaction_that_fails_leaves_nothing_and_the_connection_usable(tmp_path: Path) -> None:
    with closing(sqlite.connect(tmp_path / "s.sqlite")) as connection:
        connection.execute("CREATE TABLE t (n INTEGER UNIQUE)")
        with pytest.raises(sqlite3.IntegrityError), sqlite.writing(connection):
            connection.executemany("INSERT INTO t VALUES (?)", [(1,), (1,)])
        with sqlite.writing(connection):
            connection.execute("INSERT INTO t VALUES (2)")
        assert connection.execute("SELECT n FROM t").fetchall() == [(2,)]
