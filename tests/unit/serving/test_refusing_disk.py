"""A disk that refuses to be written: callers get their answers, and nothing that was counted is lost."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from airflow_mlops.serving.database import Database, LoggedRequest
from airflow_mlops.serving.guards import Seen
from airflow_mlops.serving.ledger import WAITING_ROWS, Ledger
from airflow_mlops.serving.pruning import LogLimits
from airflow_mlops.serving.shared_memory import SharedState
from airflow_mlops.serving.state_view import StateView
from tests.support.server import ROW, Registry, running_server

TABLES = ("state", "splits", "events", "requests", "figures", "labels")


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Let the database at ``path`` refuse every write."""
    with closing(sqlite3.connect(path, timeout=30)) as other:
        for table in TABLES:
            other.execute(
                f"CREATE TRIGGER no_{table} BEFORE INSERT ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        yield
        for table in TABLES:
            other.execute(f"DROP TRIGGER no_{table}")


def test_a_full_disk_costs_no_caller_an_answer_and_no_count(
    serving_registry: Registry, tmp_path: Path
) -> None:
    with running_server(serving_registry, tmp_path) as server:
        server.must_load(1, serving_registry.model_uri("champion"))
        assert server.traffic(1).status_code == 200
        before = server.get("/admin/state").json()
        with refusing(tmp_path / "serving.sqlite"):
            for number in range(20):
                assert server.predict(ROW, **{"x-request-id": f"r{number}"}).status_code == 200
            label = server.post("/labels", json={"request_id": "r0", "label": 1})
            for refused in (label, server.traffic(None), server.get("/admin/counts")):
                assert refused.status_code == 503
                assert "database or disk is full" in refused.json()["error"]
            assert server.get("/admin/state").json() == before
        assert server.counts()["1"] == {"requests": 20, "failures": 0}
        assert server.post("/labels", json={"request_id": "r0", "label": 1}).status_code == 200


def test_an_order_that_takes_traffic_away_acts_at_once_and_is_stored_when_the_disk_is_back(
    serving_registry: Registry, tmp_path: Path
) -> None:
    with running_server(serving_registry, tmp_path) as server:
        for version, kind in ((1, "champion"), (2, "good")):
            server.must_load(version, serving_registry.model_uri(kind))
        assert server.traffic(1, {2: 60}).json()["stored"] is True
        with refusing(tmp_path / "serving.sqlite"):
            assert server.predict(ROW).status_code == 200
            taken = server.traffic(1, {2: 0})
            assert (taken.status_code, taken.json()["weights"], taken.json()["stored"]) == (
                200,
                {"2": 0},
                False,
            )
            assert "database or disk is full" in taken.json()["storage_error"]
            assert {server.predict(ROW).headers["x-model-version"] for _ in range(30)} == {"1"}
            assert server.traffic(1, {2: 60}).status_code == 503
            assert server.traffic(1, {2: 0}).json()["weights"] == {"2": 0}
            answered = [line for line in server.get("/metrics").text.splitlines() if 'status="200"' in line]
            assert sum(float(line.split()[-1]) for line in answered) == 31
        while not server.get("/admin/state").json()["stored"]:
            assert server.predict(ROW).status_code == 200
    with running_server(serving_registry, tmp_path) as server:
        assert server.get("/admin/state").json()["weights"] == {"2": 0}


def test_traffic_that_was_taken_away_stays_away_when_the_server_starts_from_the_older_state(
    serving_registry: Registry, tmp_path: Path
) -> None:
    with running_server(serving_registry, tmp_path) as server:
        for version, kind in ((1, "champion"), (2, "good")):
            server.must_load(version, serving_registry.model_uri(kind))
        assert server.traffic(1, {2: 60}).status_code == 200
    with running_server(serving_registry, tmp_path) as server:
        assert server.get("/admin/state").json()["weights"] == {"2": 60}
        with refusing(tmp_path / "serving.sqlite"):
            assert server.traffic(1, {2: 0}).json()["stored"] is False
            server.stop()
    with running_server(serving_registry, tmp_path) as server:
        assert server.get("/admin/state").json()["weights"] == {"2": 0}


def test_what_waits_for_a_full_disk_is_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    path, surplus = tmp_path / "s.sqlite", 7
    database = Database(path, LogLimits(rows=10 * WAITING_ROWS, days=math.inf))
    ledger = Ledger(database, StateView(SharedState.private(tmp_path), database))

    def answer(count: int) -> None:
        for _ in range(count):
            ledger.count(5, 1, Seen(failed=False, seconds=0.001), None)
            ledger.log(LoggedRequest("r", 0.0, 5, 1, 1, 200, 1, "[1]", None, 0.001))

    async def answer_meanwhile() -> None:
        answer(2 * surplus)

    async def live() -> None:
        with refusing(path):
            answer(WAITING_ROWS - surplus)
            with pytest.raises(sqlite3.Error):
                await asyncio.gather(ledger.flush(), answer_meanwhile())
            answer(surplus)
        await ledger.flush()

    asyncio.run(live())
    answered = WAITING_ROWS + 2 * surplus
    figures = database.read_figures()
    assert (figures["answers:1:200"], figures["unlogged"]) == (answered, 2 * surplus)
    assert database.read_counts(0) == {(5, 1): {"requests": answered}}
    database.close()
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("SELECT COUNT(*) FROM requests").fetchone() == (WAITING_ROWS,)
