"""When the train DAG runs, decided by Airflow's own scheduler; tasks before and after it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel, DagRun
from airflow.models.asset import AssetEvent
from airflow.models.deadline import Deadline
from airflow.models.serialized_dag import SerializedDagModel
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset
from airflow.timetables.base import TimeRestriction
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from airflow.utils.state import DagRunState, TaskInstanceState

from tests.support.airflow import ROWS, Ran, project, run, store


@pytest.fixture(autouse=True)
def scheduled_alone() -> Iterator[None]:
    """Only the DAGs of one test are seen by the scheduler; all others are paused, before and after."""
    _pause_all()
    yield
    _pause_all()


def _pause_all() -> None:
    with create_session() as session:
        session.query(DagModel).update({DagModel.is_paused: True})


def active(*dags: DAG) -> None:
    """Store DAGs and unpause them."""
    for dag in dags:
        store(dag)
    with create_session() as session:
        ids = [dag.dag_id for dag in dags]
        session.query(DagModel).filter(DagModel.dag_id.in_(ids)).update({DagModel.is_paused: False})


def tick() -> None:
    """Let the scheduler create the runs that are due now, once."""
    runner = SchedulerJobRunner(job=Job())
    with create_session() as session, prohibit_commit(session) as guard:
        runner._create_dagruns_for_dags(guard, session)


def tick_until_run(dag: DAG) -> DagRun:
    """Let the scheduler create the first run of a DAG that is due now: SQLite's clock has whole seconds."""
    end = time.monotonic() + 30
    while not runs(dag) and time.monotonic() < end:
        tick()
        time.sleep(0.1)
    return runs(dag)[0]


def runs(dag: DAG) -> list[DagRun]:
    """Return the runs of a DAG, oldest first."""
    with create_session() as session:
        return list(session.query(DagRun).filter_by(dag_id=dag.dag_id).order_by(DagRun.id))


def rows_read(dag: DAG, found: DagRun) -> int:
    """Run the task ingest of a run that the scheduler has created; return how many rows it read."""
    from airflow.sdk.definitions.dag import _run_task

    with create_session() as session:
        stored = session.get(DagRun, found.id)
        assert stored is not None
        instance = stored.get_task_instance("ingest", session=session)
        assert instance is not None
        instance.state, instance.try_number = TaskInstanceState.SCHEDULED, 1
        session.commit()
        _run_task(ti=instance, task=dag.get_task("ingest"), run_triggerer=True)
    return int(Ran(dag, found.run_id, "").xcom("ingest")["rows"])


def producer(name: str, *assets: Asset) -> DAG:
    """A DAG that updates assets, as the one that writes the training data does."""
    with DAG(f"{name}_producer", schedule=None) as dag:
        for number, asset in enumerate(assets):
            EmptyOperator(task_id=f"write_{number}", outlets=[asset])
    return dag


def test_a_training_starts_when_its_data_lands(tmp_path: Path) -> None:
    lake = Asset(name="lake/customers", uri="s3://lake/customers")
    train = project(tmp_path, name="landed", schedule=["lake/customers"])["train"]
    writer = producer("landed", lake)
    active(writer, train)
    tick()
    assert runs(train) == []
    assert run(writer).state == "success"
    active(train)
    tick()
    [found] = runs(train)
    assert (found.run_type, found.logical_date) == ("asset_triggered", None)
    assert rows_read(train, found) == ROWS  # all rows until now: an asset event has no interval
    with create_session() as session:
        [event] = session.query(AssetEvent).filter_by(source_dag_id=train.dag_id, source_task_id="ingest")
        assert (event.asset.name, event.extra["rows"]) == ("landed/data", ROWS)


def test_all_assets_are_awaited_or_any_by_name_or_uri(tmp_path: Path) -> None:
    one, two = Asset(name="both/one", uri="s3://both/one"), Asset(name="both/two", uri="s3://both/two")
    first, second = producer("one", one), producer("two", two)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    both = project(tmp_path / "a", name="both", schedule={"assets": ["both/one", "s3://both/two/"]})["train"]
    either = project(tmp_path / "b", name="either", schedule={"assets": {"any": ["both/one", "both/two"]}})[
        "train"
    ]
    active(first, second, both, either)
    run(first)
    active(both, either)
    tick()
    assert (len(runs(both)), len(runs(either))) == (0, 1)
    run(second)
    active(both, either)
    tick()
    assert (len(runs(both)), len(runs(either))) == (1, 1)  # one run at a time


def test_time_and_assets_each_start_a_run_and_so_does_a_retrain_event(tmp_path: Path) -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    plan = {
        "every": "7d",
        "start_date": start.isoformat(),
        "catchup": True,
        "assets": ["time/one", "time/two"],
    }
    monitor = {"schedule": "@daily", "retrain": {"when": ["drift"]}}
    train = project(tmp_path, name="timed", schedule=plan, monitor=monitor)["train"]
    retrain = producer("timed", Asset(name="timed/retrain", uri="mlops://timed/retrain", group="mlops"))
    upstream = producer("time", Asset("time/one"), Asset("time/two"))
    active(upstream, retrain, train)
    tick()
    assert [found.run_type for found in runs(train)] == ["scheduled"]
    _end(train)
    run(retrain)
    active(train)
    tick()
    assert [found.run_type for found in runs(train)] == ["scheduled", "asset_triggered"]


def test_a_time_zone_moves_with_its_summer_time(tmp_path: Path) -> None:
    plan = {"cron": "0 6 * * *", "timezone": "Europe/Berlin", "start_date": "2026-03-27", "catchup": True}
    train = project(tmp_path, name="berlin", schedule=plan)["train"]
    store(train)
    with create_session() as session:
        stored = SerializedDagModel.get("berlin__train", session=session)
        assert stored is not None
        timetable = stored.dag.timetable
    earliest, interval, found = datetime(2026, 3, 27, tzinfo=UTC), None, []
    for _ in range(4):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=interval,
            restriction=TimeRestriction(earliest=_pendulum(earliest), latest=None, catchup=True),
        )
        interval = info.data_interval
        found.append(info.run_after.astimezone(UTC))
    zone = ZoneInfo("Europe/Berlin")
    assert found == [datetime(2026, 3, day, 6, tzinfo=zone).astimezone(UTC) for day in (27, 28, 29, 30)]
    assert [moment.hour for moment in found] == [5, 5, 4, 4]


def _pendulum(moment: datetime) -> Any:
    import pendulum

    return pendulum.instance(moment)


def _end(dag: DAG) -> None:
    with create_session() as session:
        session.query(DagRun).filter_by(dag_id=dag.dag_id).update({DagRun.state: DagRunState.SUCCESS})


@pytest.mark.parametrize("preset", ["@once", "@continuous", "12h"])
def test_every_run_of_a_schedule_without_fixed_times_learns_all_rows_until_now(
    tmp_path: Path, preset: str
) -> None:
    """The interval of such a run is empty, or the time since the run before: neither bounds the training."""
    name = f"preset_{preset.strip('@').replace('12h', 'every')}"
    train = project(tmp_path, name=name, schedule=preset)["train"]
    active(train)
    first = tick_until_run(train)
    assert rows_read(train, first) == ROWS
    assert first.data_interval_end is not None
    assert abs(datetime.now(UTC) - first.data_interval_end) < timedelta(minutes=10)
    _end(train)
    active(train)
    time.sleep(1.1)  # a whole second of SQLite's clock
    tick()
    later = runs(train)[1:]
    assert len(later) == (1 if preset == "@continuous" else 0)
    assert [rows_read(train, found) for found in later] == [ROWS] * len(later)


def test_a_run_has_the_limits_of_its_schedule(tmp_path: Path) -> None:
    plan = {
        "cron": "@daily", "start_date": "2026-01-05", "catchup": True, "max_active_runs": 2,
        "dagrun_timeout": "6h",
        "deadline": {"within": "3h", "notifier": "deadline_told:tell", "args": {"to": {1: "ml"}}},
    }  # fmt: skip
    train = project(tmp_path, name="limited", schedule=plan)["train"]
    active(train)
    tick()
    [found] = runs(train)
    assert found.logical_date == datetime(2026, 1, 5, tzinfo=UTC)
    assert rows_read(train, found) == ROWS  # of 2024: all before the run's time
    assert (train.max_active_runs, train.dagrun_timeout) == (2, timedelta(hours=6))
    with create_session() as session:
        [deadline] = session.query(Deadline).filter_by(dagrun_id=found.id)
        assert timedelta(hours=2.9) < deadline.deadline_time - datetime.now(UTC) < timedelta(hours=3.1)
        callback = deadline.callback.data
    code = (
        "import json\nfrom pathlib import Path\n\n"
        "def tell(context, to):\n"
        "    Path(to.pop(2)).write_text(json.dumps([context, list(to.items())]))\n"
    )
    (tmp_path / "pipelines" / "deadline_told.py").write_text(code)
    from airflow._shared.module_loading import import_string

    announce, given = import_string(callback["path"]), callback["kwargs"]
    assert given["base"] == str(tmp_path / "pipelines")
    given["args"]["to"]["$pairs"].append([2, str(tmp_path / "told.json")])
    asyncio.run(announce(**given, context={"dag_run": {"dag_id": "limited__train"}}))
    assert json.loads((tmp_path / "told.json").read_text()) == [
        {"dag_run": {"dag_id": "limited__train"}}, [[1, "ml"]]
    ]  # fmt: skip


OPERATORS = """
from pathlib import Path
from airflow.sdk import BaseOperator

class Tell(BaseOperator):
    template_fields = ("text",)

    def __init__(self, *, text, file, **kwargs):
        super().__init__(**kwargs)
        self.text, self.file = text, file

    def execute(self, context):
        with Path(self.file).open("a") as stream:
            stream.write(self.text + "\\n")
"""


def surrounded(folder: Path, name: str, **changes: Any) -> dict[str, DAG]:
    """A project with a sensor before the training, a message after it, and one that is always sent."""
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines" / f"{name}_operators.py").write_text(OPERATORS)
    (folder / "ready").write_text("")
    tell = f"{name}_operators.Tell"
    sensor = "airflow.providers.standard.operators.bash.BashOperator"
    file = str(folder / "told")
    ready = {"bash_command": f"test -e {folder / 'ready'}", "execution_timeout": "1m"}
    ended = {"operator": f"{name}_operators:Tell", "task_id": "ended", "when": "always"}
    return project(
        folder,
        name=name,
        before=[
            {"operator": sensor, "args": ready},
            {"operator": tell, "args": {"text": "before {{ dag.dag_id }}", "file": file}},
        ],
        after=[
            {**ended, "args": {"text": "ended", "file": file}},
            {"operator": tell, "task_id": "done", "args": {"text": "done", "file": file}},
        ],
        **changes,
    )


def test_tasks_of_ones_own_run_before_and_after_the_training(tmp_path: Path) -> None:
    ran = run(surrounded(tmp_path, "around")["train"])
    assert (ran.state, set(ran.tasks.values())) == ("success", {"success"})
    assert (tmp_path / "told").read_text().split("\n") == ["before around__train", "done", "ended", ""]


def test_a_task_that_always_runs_hides_no_rejection(tmp_path: Path) -> None:
    dags = surrounded(
        tmp_path, "refused", evaluate={"metrics": ["accuracy"], "require": {"accuracy": ">= 0.999"}}
    )
    ran = run(dags["train"])
    assert ran.state == "failed"
    assert {id_: state for id_, state in ran.tasks.items() if state != "success"} == {
        "evaluate": "failed", "refit": "upstream_failed", "register": "upstream_failed",
        "done": "upstream_failed",
    }  # fmt: skip
    assert (tmp_path / "told").read_text().split("\n") == ["before refused__train", "ended", ""]
