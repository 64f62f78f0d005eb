"""`airflow-mlops run` on rows of a database, by a connection of the environment."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
import yaml

from tests.support.project import APPROVED, Laptop, customers, states

QUERY = """
SELECT * FROM customers -- {{ ds }}
WHERE seen_at >= :window_start AND seen_at < :window_end AND plan IN :plans
"""
MONITOR = {"schedule": "@daily", "drift": {}}


@pytest.fixture
def shop(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """A pipeline whose query stands in a file beside it."""
    with closing(sqlite3.connect(laptop.folder / "shop.db")) as database, database:
        customers(2_000).assign(seen_at=lambda f: f["seen_at"].astype(str)).to_sql("customers", database)
    database.close()
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"sqlite:///{laptop.folder}/shop.db")
    params = {"plans": ["basic", "plus", "pro"]}
    source = {"type": "sql", "sql": "customers.sql", "conn_id": "shop", "load_args": {"params": params}}
    data = {"source": source, "target": "churned", "keys": ["customer_id", "seen_at"]}
    laptop.write(data=data, monitor=MONITOR)
    (laptop.folder / "pipelines" / "customers.parquet").unlink()
    (laptop.folder / "pipelines" / "customers.sql").write_text(QUERY)
    return laptop


def record(found: dict[str, Any], task: str) -> dict[str, Any]:
    return dict(next(line["record"] for line in found["tasks"] if line["task"] == task))


def test_a_pipeline_on_a_database_trains_and_is_watched(shop: Laptop) -> None:
    found = shop.document("--as-of", "2024-03-20T06:00:00Z")
    assert found["exit_code"] == 0, found["message"]
    assert shop.aliases() == {"champion": 1}
    assert record(found, "ingest")["rows"] == 79 * 24 + 6
    assert record(found, "observe")["dataset"]["rows"] == 24
    assert str(shop.folder / "shop.db") not in json.dumps(found)


def test_a_changed_query_begins_a_new_run(shop: Laptop) -> None:
    shop.file.write_text(f"{shop.file.read_text()}{yaml.safe_dump(APPROVED)}")
    assert shop.document()["exit_code"] == 4
    assert states(shop.document())["ingest"] == "kept"
    query = shop.folder / "pipelines" / "customers.sql"
    query.write_text(QUERY + "AND spend > 0\n")
    assert states(shop.document("--until", "features"))["ingest"] == "success"
    query.write_text(QUERY + "AND seen_at < '{{ dss }}'\n")
    code, _, err = shop.run("--until", "features")
    assert (code, "asks for 'dss' (did you mean ds?)" in err) == (2, True)


def test_a_connection_that_is_not_there_ends_the_run_with_what_to_set(
    shop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SHOP")
    code, _, err = shop.run()
    assert code == 2
    assert "no connection 'shop': set AIRFLOW_CONN_SHOP, such as postgresql://" in err
