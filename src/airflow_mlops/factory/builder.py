"""Builds the train, deploy and monitor DAGs of one pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Param,
    TriggerRule,
)

from airflow_mlops.config.models import Monitor, Pipeline
from airflow_mlops.factory.assets import pipeline_asset
from airflow_mlops.factory.documentation import documentation
from airflow_mlops.factory.stages import Kind, Task, tasks_of
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


def build(pipeline: Pipeline, base: str = ".") -> dict[str, DAG]:
    """Return the DAGs of a pipeline by id; ``base`` is the folder that its relative paths start from."""
    dags = [train_dag(pipeline, base)]
    if pipeline.deploy:
        dags.append(deploy_dag(pipeline, base))
    if pipeline.monitor:
        dags.append(monitor_dag(pipeline, pipeline.monitor, base))
    return {dag.dag_id: dag for dag in dags}


def train_dag(pipeline: Pipeline, base: str) -> DAG:
    """Return ``<name>__train``: ingest → validate → features → tune → train → evaluate → register."""
    with _dag(pipeline, "train", schedule=_train_schedule(pipeline), max_active_runs=1) as dag:
        _add_tasks(pipeline, "train", base)
    return dag


def deploy_dag(pipeline: Pipeline, base: str) -> DAG:
    """Return ``<name>__deploy``: prepare → approve → rollout → finalize; its teardown restores traffic."""
    params = {
        "version": Param(
            None, type=["null", "integer"], description="Version to deploy; the challenger if empty."
        ),
        "action": Param(
            "deploy",
            enum=["deploy", "rollback", "pause", "continue", "promote"],
            description="rollback: back to the previous champion, or end a running rollout; pause: stop a "
            "running rollout where it is; continue and promote answer a paused one.",
        ),
    }
    schedule = [pipeline_asset(pipeline.name, "challenger")]
    with _dag(pipeline, "deploy", schedule=schedule, max_active_runs=4, params=params) as dag:
        _add_tasks(pipeline, "deploy", base)
    return dag


def monitor_dag(pipeline: Pipeline, monitor: Monitor, base: str) -> DAG:
    """Return ``<name>__monitor``: observe → drift, performance → triage → retrain."""
    dates = {"start_date": monitor.start_date or _EPOCH, "end_date": monitor.end_date}
    schedule = CronDataIntervalTimetable(monitor.schedule, timezone="UTC")
    with _dag(
        pipeline, "monitor", schedule=schedule, max_active_runs=1, catchup=monitor.catchup, **dates
    ) as dag:
        _add_tasks(pipeline, "monitor", base)
    return dag


def _add_tasks(pipeline: Pipeline, kind: Kind, base: str) -> None:
    """Make an operator of each row, in the DAG that is open."""
    built: dict[str, Any] = {}
    for task in tasks_of(pipeline, kind):
        inputs = {name: built[giver].output for name, giver in task.inputs.items() if giver in built}
        operator = _OPERATORS[task.id]
        arguments: dict[str, Any] = {"task_id": task.id, **_arguments(pipeline, task, inputs, base)}
        if outlet := task.updates(pipeline):
            arguments["outlets"] = [pipeline_asset(pipeline.name, outlet)]
        if task.mapped and pipeline.train.tune:
            workers = pipeline.train.tune.workers
            options = [{"worker": worker, "workers": workers} for worker in range(workers)]
            built[task.id] = operator.partial(**arguments).expand(options=options)
        else:
            built[task.id] = operator(**arguments)
        for earlier in task.after:
            if earlier in built:
                built[earlier] >> built[task.id]
        if task.teardown:
            built[task.id].as_teardown()


def _arguments(pipeline: Pipeline, task: Task, inputs: dict[str, Any], base: str) -> dict[str, Any]:
    if issubclass(_OPERATORS[task.id], StageOperator):
        return {"pipeline": pipeline, "base": base, "inputs": inputs}
    own = _OWN.get(task.id, {})
    if task.id == "retrain":
        return {**inputs, **own}
    asked = {"approve": pipeline.approve} if task.id == "approve" else {}
    return {"pipeline": pipeline, **inputs, **asked, **own}


def _dag(pipeline: Pipeline, kind: Kind, *, schedule: Any, **kwargs: Any) -> DAG:
    return DAG(
        dag_id=f"{pipeline.name}__{kind}",
        schedule=schedule,
        start_date=kwargs.pop("start_date", _EPOCH),
        catchup=kwargs.pop("catchup", False),
        tags=sorted({"mlops", kind, *pipeline.tags}),
        description=pipeline.description or f"{kind} of the pipeline {pipeline.name}",
        doc_md=documentation(pipeline, kind),
        default_args={
            "owner": pipeline.owner,
            "retries": pipeline.retries,
            "retry_delay": timedelta(seconds=30),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=15),
        },
        **kwargs,
    )


def _train_schedule(pipeline: Pipeline) -> Any:
    retrain: list[Asset] = []
    if pipeline.monitor and pipeline.monitor.retrain:
        retrain = [pipeline_asset(pipeline.name, "retrain")]
    if not pipeline.schedule:
        return retrain or None
    cron = CronTriggerTimetable(pipeline.schedule, timezone="UTC")
    return AssetOrTimeSchedule(timetable=cron, assets=retrain) if retrain else cron
