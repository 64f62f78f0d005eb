"""Real stores with a little in them: an MLflow registry, a rollout store, a monitor history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_mlops.core.records import (
    Check,
    ColumnDrift,
    DatasetRef,
    DriftReport,
    Failure,
    MissingLabels,
    PerformanceReport,
    ScoredWindow,
    Triage,
    ValidationReport,
)
from airflow_mlops.rollout.core import (
    Counts,
    EpochCounts,
    GuardPlan,
    Health,
    Observation,
    RolloutPlan,
    RolloutState,
    advance,
)
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import task_run
from tests.support.mlflow_store import new_store

NAME = "churn"
START = datetime(2026, 3, 1, tzinfo=UTC)
EPOCH = START.timestamp()


def day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


def registry_with(folder: Path, tags: list[dict[str, str]], aliases: dict[str, int]) -> Registry:
    """A registry with one version for each mapping of tags."""
    uri = new_store(folder)
    registry = Registry(uri, NAME)
    for number, own in enumerate(tags):
        with task_run(uri, NAME, f"task-{number}", str(folder), {}) as run:
            run.json({"a": 1}, "model/MLmodel")
        source = registry.client.get_run(run.run_id).info.artifact_uri + "/model"
        registry.register(source, run.run_id, own)
    for alias, version in aliases.items():
        registry.set(alias, version)
    return registry


PLAN = RolloutPlan(
    name=NAME, model_version=2, model_uri="models:/churn/2", champion_version=1, steps=(5, 50),
    hold_s=600, step_timeout_s=3600, min_requests=100, gap_s=120, tolerance=0.02,
    guards=(GuardPlan(name="quality", max_ratio=1.5), GuardPlan(name="prediction_shift", max_ratio=1.5)),
)  # fmt: skip


def seen(percent: int, epoch: int, *epochs: EpochCounts, champion: int = 1) -> Observation:
    return Observation(
        health=Health("ok"), percent=percent, champion=champion, epoch=epoch, epochs=tuple(epochs)
    )


def counts(requests: int, failures: int) -> Counts:
    return Counts(requests=requests, failures=failures, deciles=(requests,))


def rollout_in_step_one(store: RolloutStore, failures: int = 0) -> RolloutState:
    """A rollout that has been at 5 % for two minutes, with 40 canary requests."""
    state = store.create_or_get(PLAN, EPOCH)
    at_five = EpochCounts(1, 5, canary=counts(40, failures), champion=counts(760, 8))
    for seconds, observed in (
        (10, seen(0, 0)),
        (20, seen(0, 0)),
        (30, seen(5, 1)),
        (150, seen(5, 1, at_five)),
    ):
        revision = store.get(state.id)[1]
        state, _ = advance(state, observed, EPOCH + seconds)
        store.save(state, revision)
    return state


def window(number: int, version: int = 1, *, failures: tuple[Failure, ...] = ()) -> ScoredWindow:
    report = ValidationReport(passed=not failures, rows=900, expectations=3, failures=failures)
    rows = DatasetRef(uri="rows", digest="d", rows=900, columns={})
    return ScoredWindow(
        dataset=rows, model_version=version, run_id="r", start=day(number), end=day(number + 1),
        labelled=900, classes=(0, 1), validation=report,
    )  # fmt: skip


def drift(number: int, version: int = 1) -> DriftReport:
    columns = tuple(
        ColumnDrift(name, "number", effect, 0.1, 0.1, effect > 0.25)
        for name, effect in (("a", 0.1), ("b", 0.9))
    )
    return DriftReport(
        start=day(number), end=day(number + 1), model_version=version, rows=900, columns=columns,
        score=None, drifted=("b",), threshold=0.25, verdict="drift",
    )  # fmt: skip


def performance(number: int, value: float, version: int = 1, verdict: str = "ok") -> PerformanceReport:
    return PerformanceReport(
        start=day(number), end=day(number + 1), model_version=version, rows=880, metrics={"roc_auc": value},
        checks=(Check("roc_auc", value, ">= 0.7", value >= 0.7),), verdict=verdict, window_rows=900,
        overdue=(MissingLabels(day(0), day(1), 3, 900),) if verdict == "waiting" else (),
    )  # fmt: skip


def triage(number: int, action: str, reason: str = "", version: int = 1) -> Triage:
    return Triage(
        start=day(number), end=day(number + 1), model_version=version, action=action, causes=(), reason=reason
    )
