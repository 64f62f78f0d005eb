"""The life cycle: one row per task, in the order of their work.

Whatever knows tasks is derived from these rows: the keys of ``tasks:`` in a pipeline file, the stage that
runs, the operator that carries it, the DAGs and their drawing, provider information, the local run, the
documentation. Loads nothing but the standard library, so that every part of the package may read it.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from airflow_mlops.lifecycle.own_tasks import default_task_id as default_task_id
from airflow_mlops.lifecycle.own_tasks import own_edges, own_tasks
from airflow_mlops.lifecycle.repeats import repeated_rows
from airflow_mlops.lifecycle.shape import Shape as Shape
from airflow_mlops.lifecycle.task import GENERIC_OPERATOR as GENERIC_OPERATOR
from airflow_mlops.lifecycle.task import Has
from airflow_mlops.lifecycle.task import Kind as Kind
from airflow_mlops.lifecycle.task import Task as Task
from airflow_mlops.lifecycle.task import has_section as has_section


def _registered(has: Has) -> str:
    return "challenger" if has("deploy") else "champion"


TASKS: Final[tuple[Task, ...]] = (
    Task(
        id="ingest",
        dag="train",
        does="Reads the training rows and stores them under their digest.",
        record="DatasetRef",
        config=("data", "validate"),
        outlet="data",
        event={key: key for key in ("uri", "digest", "rows", "start", "end")},
    ),
    Task(
        id="holdout",
        dag="train",
        does="Reads the test set and stores it under its digest.",
        record="DatasetRef",
        section="evaluate.holdout.source",
        config=("data", "validate", "evaluate"),
        after=("ingest",),
        operator=GENERIC_OPERATOR,
    ),
    Task(
        id="validate",
        dag="train",
        does="Checks the rows with Great Expectations.",
        record="ValidationReport",
        section="validate",
        config=("data", "validate"),
        inputs={"dataset": "ingest"},
        rejection="Data that breaks its expectations fails the run, unless `on_failure` allows it.",
    ),
    Task(
        id="features",
        dag="train",
        does="Splits off the hold-out and applies the feature function.",
        record="FeatureSet",
        config=("data", "validate", "features", "train", "evaluate"),
        inputs={"dataset": "ingest", "validation": "validate", "holdout": "holdout"},
    ),
    Task(
        id="tune",
        dag="train",
        does="Searches the estimator's parameters.",
        record="TuneResult",
        section="train.tune",
        config=("data", "validate", "train", "evaluate"),
        inputs={"features": "features"},
        mapped=True,
    ),
    Task(
        id="train",
        dag="train",
        does="Fits the model and logs it to MLflow.",
        record="ModelRef",
        config=("data", "validate", "features", "train", "evaluate"),
        inputs={"features": "features", "tune": "tune"},
    ),
    Task(
        id="evaluate",
        dag="train",
        does="Judges the model by its limits and against the champion.",
        record="Evaluation",
        config=("data", "validate", "features", "evaluate"),
        inputs={"features": "features", "model": "train"},
        rejection="A model that misses a limit fails the run and is not registered.",
    ),
    Task(
        id="decide",
        dag="train",
        does="Asks people whether to register a model without enough evidence.",
        record="Evaluation",
        section="evaluate.asks",
        config=("approve",),
        inputs={"evaluation": "evaluate"},
        rejection="A rejected model is not registered; the run is skipped.",
        repeats="approve.needs",
        continues="evaluation",
    ),
    Task(
        id="refit",
        dag="train",
        does="Fits the judged model once more, on all rows, for registration.",
        record="Refit",
        section="train.refit",
        without="evaluate.holdout.source",
        config=("data", "validate", "features", "train", "evaluate"),
        inputs={"features": "features", "evaluation": "evaluate", "decision": "decide"},
    ),
    Task(
        id="register",
        dag="train",
        does="Registers the model as challenger, or as champion without a deploy section.",
        record="RegisteredVersion",
        config=("description", "deploy"),
        may_read=("data", "validate", "features", "evaluate"),
        inputs={"evaluation": "evaluate", "decision": "decide", "refit": "refit", "features": "features"},
        outlet=_registered,
        event={"version": "model_version", "model_uri": "model_uri", "metrics": "metrics"},
        rejection="A model that does not pass against a champion that is new since `evaluate` fails the run.",
    ),
    Task(
        id="prepare",
        dag="deploy",
        does="Finds the version to deploy and the champion that it would replace.",
        record="DeployRequest",
        config=("deploy",),
        rejection="Without anything to deploy (the version is champion already) the run is skipped.",
    ),
    Task(
        id="approve",
        dag="deploy",
        does="Asks people for approval.",
        record="Approval",
        section="approve",
        config=("approve",),
        after=("prepare",),
        reads={"request": "prepare"},
        rejection="A rejected version is not deployed, and is no longer the challenger; the run is skipped.",
        repeats="approve.needs",
        continues="before",
    ),
    Task(
        id="rollout",
        dag="deploy",
        does="Shifts traffic to the version step by step, or back.",
        record="RolloutResult",
        config=("deploy",),
        inputs={"request": "prepare"},
        after=("approve",),
        trigger_rule="none_failed",
    ),
    Task(
        id="finalize",
        dag="deploy",
        does="Ends the run in the state that the rollout ended in.",
        record="RolloutResult",
        inputs={"request": "prepare"},
        after=("rollout",),
        reads={"approval": "approve", "rollout": "rollout"},
        outlet="champion",
        event={"version": "model_version", "previous": "champion_version", "rollout_id": "rollout_id"},
        rejection="A version that was rolled back fails the run; a rejected or superseded one is skipped.",
        trigger_rule="all_done",
    ),
    Task(
        id="restore",
        dag="deploy",
        does="Gives the traffic back if the rollout did not end.",
        record="TrafficCheck",
        config=("deploy",),
        inputs={"request": "prepare"},
        after=("finalize",),
        teardown=True,
    ),
    Task(
        id="observe",
        dag="monitor",
        does="Scores the rows of one window with the champion.",
        record="ScoredWindow",
        config=("data", "validate", "monitor"),
    ),
    Task(
        id="drift",
        dag="monitor",
        does="Compares the window with the champion's training data.",
        record="DriftReport",
        section="monitor.drift",
        config=("data", "monitor"),
        inputs={"window": "observe"},
    ),
    Task(
        id="performance",
        dag="monitor",
        does="Measures the champion on the labels that have arrived.",
        record="PerformanceReport",
        section="monitor.performance",
        config=("data", "validate", "monitor"),
        inputs={"window": "observe"},
    ),
    Task(
        id="triage",
        dag="monitor",
        does="Decides what the findings ask for: nothing, an alert, a training, or a block.",
        record="Triage",
        config=("monitor",),
        inputs={"window": "observe", "drift": "drift", "performance": "performance"},
    ),
    Task(
        id="retrain",
        dag="monitor",
        does="Starts a training.",
        record="RetrainRequest",
        section="monitor.retrain",
        inputs={"triage": "triage"},
        outlet="retrain",
        event={key: key for key in ("causes", "reason", "model_version", "window", "until")},
        rejection="Without a reason to train again the task is skipped.",
    ),
)


def find_task(id_: str) -> Task | None:
    """Return the row of a task, or None when there is no such task.

    >>> find_task("train").record
    'ModelRef'
    """
    return next((task for task in TASKS if task.id == id_), None)


def task_ids() -> tuple[str, ...]:
    """Return every task that a pipeline can have, in the order of their work."""
    return tuple(task.id for task in TASKS)


def tasks_of(pipeline: Any, kind: Kind) -> tuple[Task, ...]:
    """Return the tasks of one DAG of a pipeline; those of sections that are left out do not exist."""
    rows = tuple(task for task in TASKS if task.dag == kind and task.exists(pipeline))
    return repeated_rows(rows, pipeline)


def shapes(pipeline: Any) -> tuple[Shape, ...]:
    """Return the DAGs of a pipeline: train, and deploy and monitor when their sections are there."""
    return tuple(
        _shape(pipeline, kind) for kind in get_args(Kind) if kind == "train" or has_section(pipeline, kind)
    )


def _shape(pipeline: Any, kind: Kind) -> Shape:
    tasks = tasks_of(pipeline, kind)
    before, after = (tuple(task.id for task in own) for own in own_tasks(pipeline, kind))
    edges = own_edges(pipeline, kind, tasks[0].id, tasks[-1].id)
    dag_id = f"{pipeline.name}__{kind}"
    assets = assets_of(pipeline, kind)
    return Shape(dag_id, kind, schedule_of(pipeline, kind), tasks, assets, before, after, edges)


def schedule_of(pipeline: Any, kind: Kind) -> tuple[str, ...]:
    """Return what starts a DAG: times, and assets as ``asset <pipeline>/<name>``."""
    if kind == "monitor":
        return tuple(pipeline.monitor.schedule.shown)
    own = pipeline.schedule.shown if kind == "train" and pipeline.schedule else ()
    return (*own, *(f"asset {name}" for name in _own_assets(pipeline, kind)))


def assets_of(pipeline: Any, kind: Kind) -> tuple[str, ...]:
    """Return the names or URIs of the assets that start a DAG."""
    upstream = pipeline.schedule.assets if kind == "train" and pipeline.schedule else None
    entries = upstream.entries if upstream else ()
    return (*(entry.shown for entry in entries), *_own_assets(pipeline, kind))


def _own_assets(pipeline: Any, kind: Kind) -> tuple[str, ...]:
    if kind == "deploy":
        return (f"{pipeline.name}/challenger",)
    retrains = kind == "train" and has_section(pipeline, "monitor.retrain")
    return (f"{pipeline.name}/retrain",) if retrains else ()
