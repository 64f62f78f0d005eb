"""Builds the train, deploy and monitor DAGs of one pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from airflow.sdk import (
    DAG,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Param,
    TriggerRule,
)

from airflow_mlops.config.models import Monitor, Pipeline
from airflow_mlops.factory.assets import pipeline_asset
from airflow_mlops.factory.documentation import documentation, summary
from airflow_mlops.factory.plan import Call, DagPlan, TaskPlan, call, make
from airflow_mlops.factory.settings import notifiers, own, shared
from airflow_mlops.lifecycle.table import Kind, Task, tasks_of
from airflow_mlops.operators.approve import ApproveOperator
from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.drift import DriftOperator
from airflow_mlops.operators.evaluate import EvaluateOperator
from airflow_mlops.operators.features import FeaturesOperator
from airflow_mlops.operators.finalize import FinalizeOperator
from airflow_mlops.operators.ingest import IngestOperator
from airflow_mlops.operators.observe import ObserveOperator
from airflow_mlops.operators.performance import PerformanceOperator
from airflow_mlops.operators.prepare import PrepareOperator
from airflow_mlops.operators.register import RegisterOperator
from airflow_mlops.operators.restore import RestoreOperator
from airflow_mlops.operators.retrain import RetrainOperator
from airflow_mlops.operators.rollout import RolloutOperator
from airflow_mlops.operators.train import TrainOperator
from airflow_mlops.operators.triage import TriageOperator
from airflow_mlops.operators.tune import TuneOperator
from airflow_mlops.operators.validate import ValidateOperator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_OPERATORS: Final[Mapping[str, Any]] = {
    "ingest": IngestOperator,
    "validate": ValidateOperator,
    "features": FeaturesOperator,
    "tune": TuneOperator,
    "train": TrainOperator,
    "evaluate": EvaluateOperator,
    "register": RegisterOperator,
    "prepare": PrepareOperator,
    "approve": ApproveOperator,
    "rollout": RolloutOperator,
    "finalize": FinalizeOperator,
    "restore": RestoreOperator,
    "observe": ObserveOperator,
    "drift": DriftOperator,
    "performance": PerformanceOperator,
    "triage": TriageOperator,
    "retrain": RetrainOperator,
}
_OWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "rollout": {"trigger_rule": TriggerRule.NONE_FAILED},
    "finalize": {"trigger_rule": TriggerRule.ALL_DONE},
}


def build(pipeline: Pipeline, base: str | None = None) -> dict[str, DAG]:
    """Return the DAGs of a pipeline by id.

    ``base`` is the folder that its relative paths start from; that of the DAG file by default.
    """
    dags = [make(plan) for plan in plans(pipeline, base)]
    return {dag.dag_id: dag for dag in dags}


def plans(pipeline: Pipeline, base: Any = None) -> tuple[DagPlan, ...]:
    """Return the plans of a pipeline's DAGs: train, and deploy and monitor when their sections are there."""
    found = [train_plan(pipeline, base)]
    if pipeline.deploy:
        found.append(deploy_plan(pipeline, base))
    if pipeline.monitor:
        found.append(monitor_plan(pipeline, pipeline.monitor, base))
    return tuple(found)


def train_plan(pipeline: Pipeline, base: Any) -> DagPlan:
    """Plan ``<name>__train``: ingest → validate → features → tune → train → evaluate → register."""
    return _plan(pipeline, "train", base, schedule=_train_schedule(pipeline), max_active_runs=1)


def deploy_plan(pipeline: Pipeline, base: Any) -> DagPlan:
    """Plan ``<name>__deploy``: prepare → approve → rollout → finalize; its teardown restores traffic."""
    params = {
        "version": call(
            Param, None, type=["null", "integer"], description="Version to deploy; the challenger if empty."
        ),
        "action": call(
            Param,
            "deploy",
            enum=["deploy", "rollback", "pause", "continue", "promote"],
            description="rollback: back to the previous champion, or end a running rollout; pause: stop a "
            "running rollout where it is; continue and promote answer a paused one.",
        ),
    }
    schedule = [pipeline_asset(pipeline.name, "challenger")]
    return _plan(pipeline, "deploy", base, schedule=schedule, max_active_runs=4, params=params)


def monitor_plan(pipeline: Pipeline, monitor: Monitor, base: Any) -> DagPlan:
    """Plan ``<name>__monitor``: observe → drift, performance → triage → retrain."""
    dates: dict[str, Any] = {"start_date": monitor.start_date or _EPOCH}
    if monitor.end_date:
        dates["end_date"] = monitor.end_date
    schedule = call(CronDataIntervalTimetable, monitor.schedule, timezone="UTC")
    return _plan(
        pipeline, "monitor", base, schedule=schedule, max_active_runs=1, catchup=monitor.catchup, **dates
    )


def _plan(pipeline: Pipeline, kind: Kind, base: Any, **arguments: Any) -> DagPlan:
    rows = tasks_of(pipeline, kind)
    ids = {row.id for row in rows}
    tasks = tuple(_task(pipeline, row, ids, base) for row in rows)
    return DagPlan(summary=summary(kind), arguments=_dag(pipeline, kind, base, **arguments), tasks=tasks)


def _task(pipeline: Pipeline, row: Task, ids: set[str], base: Any) -> TaskPlan:
    """Plan one row; inputs from tasks that do not exist in this pipeline drop out."""
    arguments = {**own(pipeline, row.id), **_OWN.get(row.id, {})}
    if row.id != "retrain":
        arguments = {"pipeline": pipeline, **arguments}
    if base and issubclass(_OPERATORS[row.id], StageOperator):
        arguments["base"] = base
    if outlet := row.updates(pipeline):
        arguments["outlets"] = [pipeline_asset(pipeline.name, outlet)]
    tune = pipeline.train.tune
    return TaskPlan(
        id=row.id,
        operator=_OPERATORS[row.id],
        arguments=arguments,
        inputs={name: giver for name, giver in row.inputs.items() if giver in ids},
        after=tuple(earlier for earlier in row.after if earlier in ids),
        expand={"worker": list(range(tune.workers))} if row.mapped and tune else None,
        teardown=row.teardown,
    )


def _dag(pipeline: Pipeline, kind: Kind, base: Any, *, schedule: Any, **kwargs: Any) -> dict[str, Any]:
    team = {f"team:{pipeline.team}"} if pipeline.team else set[str]()
    told = notifiers(pipeline.callbacks.on_success, base)
    return {
        "dag_id": f"{pipeline.name}__{kind}",
        "description": pipeline.description or f"{kind} of the pipeline {pipeline.name}",
        "schedule": schedule,
        "start_date": kwargs.pop("start_date", _EPOCH),
        "catchup": kwargs.pop("catchup", False),
        **kwargs,
        "default_args": shared(pipeline, base),
        **({"on_success_callback": told} if told else {}),
        "tags": sorted({"mlops", kind, *team, *pipeline.tags}),
        "doc_md": call(documentation, pipeline, kind),
    }


def _train_schedule(pipeline: Pipeline) -> Any:
    retrain: list[Call] = []
    if pipeline.monitor and pipeline.monitor.retrain:
        retrain = [pipeline_asset(pipeline.name, "retrain")]
    if not pipeline.schedule:
        return retrain or None
    cron = call(CronTriggerTimetable, pipeline.schedule, timezone="UTC")
    return call(AssetOrTimeSchedule, timetable=cron, assets=retrain) if retrain else cron
