"""Builds the train, deploy and monitor DAGs of one pipeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

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
from airflow_mlops.operators.approve import ApproveOperator
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


def build(pipeline: Pipeline, base: str = ".") -> dict[str, DAG]:
    """Return the DAGs of a pipeline by id; ``base`` is the folder that its relative paths start from."""
    dags = [train_dag(pipeline, base)]
    if pipeline.deploy:
        dags.append(deploy_dag(pipeline))
    if pipeline.monitor:
        dags.append(monitor_dag(pipeline, pipeline.monitor, base))
    return {dag.dag_id: dag for dag in dags}


def train_dag(pipeline: Pipeline, base: str) -> DAG:
    """Return ``<name>__train``: ingest → validate → features → tune → train → evaluate → register."""
    shared: dict[str, Any] = {"pipeline": pipeline, "base": base}
    with _dag(pipeline, "train", schedule=_train_schedule(pipeline), max_active_runs=1) as dag:
        ingest = IngestOperator(task_id="ingest", outlets=[pipeline_asset(pipeline.name, "data")], **shared)
        features = FeaturesOperator(task_id="features", inputs={"dataset": ingest.output}, **shared)
        if pipeline.validate_:
            validate = ValidateOperator(task_id="validate", inputs={"dataset": ingest.output}, **shared)
            validate >> features
        inputs: dict[str, Any] = {"features": features.output}
        if pipeline.train.tune:
            workers = pipeline.train.tune.workers
            tune = TuneOperator.partial(task_id="tune", inputs=dict(inputs), **shared).expand(
                options=[{"worker": worker, "workers": workers} for worker in range(workers)]
            )
            inputs["tune"] = tune.output
        train = TrainOperator(task_id="train", inputs=inputs, **shared)
        evaluate = EvaluateOperator(
            task_id="evaluate", inputs={"features": features.output, "model": train.output}, **shared
        )
        outlet = "challenger" if pipeline.deploy else "champion"
        RegisterOperator(
            task_id="register",
            inputs={"evaluation": evaluate.output},
            outlets=[pipeline_asset(pipeline.name, outlet)],
            **shared,
        )
    return dag


def deploy_dag(pipeline: Pipeline) -> DAG:
    """Return ``<name>__deploy``: prepare → approve → rollout → finalize; its teardown restores traffic."""
    params = {
        "version": Param(
            None, type=["null", "integer"], description="Version to deploy; the challenger if empty."
        ),
        "action": Param(
            "deploy",
            enum=["deploy", "rollback", "continue", "promote"],
            description="rollback: back to the previous champion, or end a paused rollout; continue and "
            "promote answer a paused rollout.",
        ),
    }
    schedule = [pipeline_asset(pipeline.name, "challenger")]
    with _dag(pipeline, "deploy", schedule=schedule, max_active_runs=4, params=params) as dag:
        prepare = PrepareOperator(task_id="prepare", pipeline=pipeline)
        rollout = RolloutOperator(
            task_id="rollout", pipeline=pipeline, request=prepare.output, trigger_rule=TriggerRule.NONE_FAILED
        )
        if pipeline.approve:
            approve = ApproveOperator(task_id="approve", pipeline=pipeline, approve=pipeline.approve)
            prepare >> approve >> rollout
        finalize = FinalizeOperator(
            task_id="finalize",
            pipeline=pipeline,
            request=prepare.output,
            outlets=[pipeline_asset(pipeline.name, "champion")],
            trigger_rule=TriggerRule.ALL_DONE,
        )
        restore = RestoreOperator(task_id="restore", pipeline=pipeline, request=prepare.output)
        rollout >> finalize >> restore
        restore.as_teardown()
    return dag


def monitor_dag(pipeline: Pipeline, monitor: Monitor, base: str) -> DAG:
    """Return ``<name>__monitor``: observe → drift, performance → triage → retrain."""
    shared: dict[str, Any] = {"pipeline": pipeline, "base": base}
    dates = {"start_date": monitor.start_date or _EPOCH, "end_date": monitor.end_date}
    schedule = CronDataIntervalTimetable(monitor.schedule, timezone="UTC")
    with _dag(
        pipeline, "monitor", schedule=schedule, max_active_runs=1, catchup=monitor.catchup, **dates
    ) as dag:
        observe = ObserveOperator(task_id="observe", **shared)
        inputs: dict[str, Any] = {"window": observe.output}
        if monitor.drift:
            inputs["drift"] = DriftOperator(
                task_id="drift", inputs={"window": observe.output}, **shared
            ).output
        if monitor.performance:
            inputs["performance"] = PerformanceOperator(
                task_id="performance", inputs={"window": observe.output}, **shared
            ).output
        triage = TriageOperator(task_id="triage", inputs=inputs, **shared)
        if monitor.retrain:
            RetrainOperator(
                task_id="retrain",
                triage=triage.output,
                outlets=[pipeline_asset(pipeline.name, "retrain")],
            )
    return dag


def _dag(pipeline: Pipeline, kind: str, *, schedule: Any, **kwargs: Any) -> DAG:
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
