"""A DAG whose rows come from PostgreSQL by an Airflow connection."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException
from airflow.utils.session import create_session
from sqlalchemy import URL, create_engine, text

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.hooks.connections import AirflowConnections
from tests.support.airflow import PIPELINE, Ran, project, run
from tests.support.postgres import Postgres, running_postgres
from tests.support.project import customers

PASSWORD = "hunter22-sesame"
QUERY = (
    "SELECT * FROM customers WHERE seen_at >= :window_start AND seen_at < :window_end AND :ds = '{{ ds }}'"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        postgres.make_user("reader", password=PASSWORD)
        postgres.make("shop", owner="reader")
        yield postgres


@pytest.fixture(scope="module")
def fields(postgres: Postgres) -> Iterator[dict[str, Any]]:
    """The connection ``warehouse``, whose database has the customers."""
    fields = {"conn_type": "postgres", "host": "127.0.0.1", "port": postgres.port, "schema": "shop"}
    fields |= {"login": "reader", "password": PASSWORD}
    url = postgres.url("shop").replace("postgresql", "postgresql+psycopg")
    engine = create_engine(url)
    customers(2_000).to_sql("customers", engine, index=False)
    with engine.begin() as connection:
        connection.execute(text("GRANT SELECT ON customers TO reader"))
    engine.dispose()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(fields))
        yield fields


@pytest.fixture(scope="module")
def ran(fields: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of a train DAG."""
    folder = tmp_path_factory.mktemp("queried")
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "customers.sql").write_text(QUERY)
    rows = data("customers.sql", params={"ds": "{{ ds }}"})
    expect = [{"column": "visits", "min": 0, "type": "int"}, {"column": "customer_id", "unique": True}]
    judged = {**rows["source"], "sql": f"SELECT * FROM ({QUERY}) AS rows WHERE visits = 5"}
    dags = project(
        folder,
        name="queried",
        data=rows,
        validate={"expect": expect, "engine": "database"},
        evaluate={**PIPELINE["evaluate"], "holdout": {"source": judged}},
    )
    (folder / "pipelines" / "customers.parquet").unlink()
    return run(dags["train"])


def data(sql: str, conn_id: str = "warehouse", **load_args: Any) -> dict[str, Any]:
    source = {"type": "sql", "sql": sql, "conn_id": conn_id, "load_args": load_args}
    return {**PIPELINE["data"], "source": source}


def test_a_model_is_trained_on_rows_of_a_database(ran: Ran) -> None:
    """They are validated in it, and those of another query are the test set."""
    assert ran.state == "success", ran.errors
    assert ran.xcom("ingest")["rows"] == 2_000
    assert ran.xcom("register")["alias"] == "champion"
    assert (ran.xcom("validate")["rows"], ran.xcom("validate")["passed"]) == (2_000, True)
    features, judged = ran.xcom("features"), ran.xcom("holdout")["rows"]
    assert (features["split_by"], features["holdout"]["rows"]) == ("source", judged)
    assert features["train"]["rows"] == 2_000 - judged


def test_nothing_that_airflow_keeps_holds_the_password(ran: Ran) -> None:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.xcom import XComModel

    with create_session() as session:
        kept = [json.dumps(row.rendered_fields) for row in session.query(RenderedTaskInstanceFields)]
        kept += [json.dumps(row.value) for row in session.query(XComModel)]
        kept += [json.dumps(row.data) for row in session.query(SerializedDagModel)]
    assert any("warehouse" in text for text in kept)
    assert not any(PASSWORD in text for text in kept)


@pytest.mark.parametrize(
    ("sql", "conn_id", "told"),
    [
        (
            "SELECT * FROM customer",
            "warehouse",
            'the query on warehouse: relation "customer" does not exist; ',
        ),
        (
            "SELECT 1",
            "nowhere",
            "no Airflow connection 'nowhere': add it with `airflow connections add nowhere",
        ),
    ],
)
def test_a_mistake_is_one_clear_line_and_no_retry(
    fields: dict[str, Any], tmp_path: Path, sql: str, conn_id: str, told: str
) -> None:
    ran = run(project(tmp_path, name=f"faulty_{conn_id}", retries=2, data=data(sql, conn_id))["train"])
    assert ran.error("ingest").startswith(told)
    assert isinstance(ran.errors["ingest"][-1], AirflowFailException)
    assert ran.tries("ingest") == 1


def test_a_database_that_is_away_is_tried_again(
    postgres: Postgres, tmp_path: Path, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    dags = project(tmp_path, name="away", retries=1, data=data("SELECT * FROM customers"))
    postgres.kill()
    try:
        with caplog.at_level(logging.DEBUG):
            ran = run(dags["train"])
    finally:
        postgres.start()
    assert "Connection refused; check that the database server runs" in ran.error("ingest")
    assert ran.tries("ingest") == 2
    assert PASSWORD not in caplog.text


class ShopHook(DbApiHook):
    """A hook of a provider, as for a database that only the provider knows to reach."""

    conn_name_attr = "shop_conn_id"
    conn_type = "shop"

    @property
    def sqlalchemy_url(self) -> URL:
        found = self.connection
        login = {"username": found.login, "password": found.password}
        return URL.create(
            found.extra_dejson["driver"], **login, host=found.host, port=found.port, database="shop"
        )


@pytest.fixture
def shop(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection type of an installed provider."""
    monkeypatch.setattr(Connection, "get_hook", lambda self: ShopHook(shop_conn_id=self.conn_id))


def define(patch: pytest.MonkeyPatch, fields: dict[str, Any], **extra: Any) -> None:
    patch.setenv("AIRFLOW_CONN_SHOP", json.dumps({**fields, "conn_type": "shop", "extra": extra}))


def test_the_hook_of_a_provider_makes_the_engine(
    shop: None, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    define(monkeypatch, fields, driver="postgresql+psycopg")
    engine = AirflowConnections().engine("shop")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar() == "reader"
    define(monkeypatch, fields, driver="nosuch")
    with pytest.raises(
        ConfigError, match="is of type shop, which is not a database that can be read"
    ) as told:
        AirflowConnections().engine("shop")
    assert PASSWORD not in str(told.value)


def test_a_connection_of_no_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="is of type mlops_mlflow, which is not a database"):
        AirflowConnections().engine("mlops_mlflow_default")
