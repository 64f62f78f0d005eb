"""The moment that a run is about, and the event that carries it from monitoring to training."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.asset import AssetEvent
from airflow.sdk import DAG, task
from airflow.sdk.definitions.asset import Asset
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Triage
from airflow_mlops.operators.data_interval import as_of, window_start, with_times
from airflow_mlops.operators.retrain import RetrainOperator
from tests.support.airflow import Ran, project, run

START, END = "2024-02-01T00:00:00+00:00", "2024-03-01T00:00:00+00:00"


def monitored(name: str, action: str) -> Ran:
    record = Triage(
        start=START, end=END, model_version=4, action=action, causes=("roc_auc",), reason="roc_auc fell"
    ).to_json()
    with DAG(name, schedule=None) as dag:

        @task
        def triage() -> dict[str, Any]:
            return record

        asset = Asset(name=f"{name}/retrain", uri=f"mlops://{name}/retrain")
        RetrainOperator(task_id="retrain", triage=triage(), outlets=[asset])
    return run(dag)


def test_a_retraining_tells_its_cause_and_up_to_when_data_counts() -> None:
    ran = monitored("decayed", "retrain")
    assert ran.state == "success"
    with create_session() as session:
        query = select(AssetEvent).where(AssetEvent.source_dag_id == "decayed")
        [event] = session.scalars(query).all()
        assert event.extra["until"] == END
        assert event.extra["causes"] == ["roc_auc"]
        assert (event.extra["window"], event.extra["model_version"]) == ([START, END], 4)


def test_without_a_cause_nothing_is_trained() -> None:
    ran = monitored("healthy", "none")
    assert ran.tasks["retrain"] == "skipped"
    with create_session() as session:
        query = select(AssetEvent).where(AssetEvent.source_dag_id == "healthy")
        assert session.scalars(query).all() == []


@pytest.mark.parametrize(
    "moment",
    [
        {"run_conf": {"as_of": "2024-02-01"}},
        {"run_conf": {"as_of": "2024-02-01T02:00:00+02:00"}},
        {"logical_date": datetime(2024, 2, 1, tzinfo=UTC)},
    ],
)
def test_no_row_from_after_the_moment_is_read(tmp_path: Path, moment: dict[str, Any]) -> None:
    # One row an hour from January 1st on.
    name = f"moment_{len(str(moment))}"
    ran = run(project(tmp_path, name=name)["train"], **moment)
    assert ran.state == "success", ran.errors
    assert ran.xcom("ingest")["rows"] == 31 * 24
    assert ran.xcom("ingest")["end"].startswith("2024-02-01T0")


def test_a_moment_that_is_no_time_is_told(tmp_path: Path) -> None:
    ran = run(project(tmp_path, name="no_moment")["train"], run_conf={"as_of": "last tuesday"})
    assert ran.error("ingest") == (
        "as_of of the run's configuration must be an ISO time such as 2026-01-31 or 2026-01-31T06:00:00Z, "
        "got 'last tuesday'"
    )


def context(conf: dict[str, Any] | None = None, **values: Any) -> Any:
    times = {"logical_date": None, "run_after": datetime(2024, 9, 1, tzinfo=UTC)}
    known = {key: values.pop(key, default) for key, default in times.items()}
    return {"dag_run": SimpleNamespace(conf=conf, **known), **values}


def event(day: int, **extra: Any) -> Any:
    return SimpleNamespace(extra=extra, timestamp=datetime(2024, 1, day, tzinfo=UTC))


MARCH, APRIL, MAY = (datetime(2024, month, 1, tzinfo=UTC) for month in (3, 4, 5))


def test_the_first_known_moment_counts() -> None:
    interval = {"data_interval_start": MARCH, "data_interval_end": APRIL}
    events = {"triggering_asset_events": {"asset": [event(2, until=END), event(1, until=START), event(3)]}}
    assert as_of(context()) == datetime(2024, 9, 1, tzinfo=UTC)
    assert as_of(context(logical_date=MAY)) == MAY
    assert as_of(context(logical_date=MAY, **interval)) == APRIL
    assert as_of(context(logical_date=MAY, **interval, **events)) == MARCH
    assert as_of(context({"as_of": "2024-05-01T00:00:00Z"}, **interval, **events)) == MAY


def test_templates_get_the_times_that_the_run_lacks_and_keep_those_that_it_has() -> None:
    events = {"triggering_asset_events": {"asset": [event(1, until=END)]}}
    by_asset = with_times(context(**events))
    assert (by_asset["ds"], by_asset["logical_date"], by_asset["data_interval_start"]) == (
        "2024-03-01",
        MARCH,
        MARCH,
    )
    assert by_asset["data_interval_end"] == by_asset["as_of"] == MARCH
    scheduled = with_times(
        context({"as_of": "2024-05-01"}, ds="2024-03-01", data_interval_start=MARCH, data_interval_end=APRIL)
    )
    assert (scheduled["ds"], scheduled["data_interval_end"], scheduled["as_of"]) == ("2024-03-01", APRIL, MAY)
    window = with_times(context({"window_start": "2024-03-01", "as_of": "2024-04-01"}))
    assert (window["ds"], window["data_interval_start"], window["as_of"]) == ("2024-03-01", MARCH, APRIL)


def test_a_window_starts_with_its_interval_or_as_told() -> None:
    interval = {"data_interval_start": MARCH, "data_interval_end": APRIL}
    assert window_start(context()) is None
    assert window_start(context(data_interval_start=MARCH, data_interval_end=MARCH)) is None
    assert window_start(context(**interval)) == MARCH
    assert window_start(context({"window_start": "2024-05-01"}, **interval)) == MAY
    with pytest.raises(ConfigError, match=r"until of the asset event must be an ISO time .*, got 'soon'"):
        as_of(context(triggering_asset_events={"asset": [event(1, until="soon")]}))
