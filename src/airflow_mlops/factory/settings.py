"""How Airflow runs the tasks of a pipeline: what all of them share, and what one has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from airflow_mlops.config.models import Callback, Pipeline, Resources, TaskSettings
from airflow_mlops.factory.plan import Call, call
from airflow_mlops.hooks.retry import FailAtOnce
from airflow_mlops.notifications.configured import ConfiguredNotifier
from airflow_mlops.operators.pod_resources import pod_override

_TRAINS: Final = ("tune", "train")
_ONCE: Final = 1


def shared(pipeline: Pipeline, base: Any) -> dict[str, Any]:
    """Plan the ``default_args`` of a pipeline's DAGs."""
    retry = pipeline.retry
    found = {
        "owner": pipeline.owner,
        "retries": pipeline.retries,
        "retry_delay": retry.delay,
        "retry_exponential_backoff": retry.backoff,
        "max_retry_delay": retry.max_delay,
        "retry_policy": call(FailAtOnce, list(retry.fail_on)) if retry.fail_on else call(FailAtOnce),
        "pool": pipeline.pool,
        "pool_slots": pipeline.pool_slots if pipeline.pool_slots != _ONCE else None,
        "priority_weight": pipeline.priority_weight if pipeline.priority_weight != _ONCE else None,
        "on_failure_callback": notifiers(pipeline.callbacks.on_failure, base),
        "on_retry_callback": notifiers(pipeline.callbacks.on_retry, base),
    }
    return {key: value for key, value in found.items() if value is not None}


def own(pipeline: Pipeline, task_id: str) -> dict[str, Any]:
    """Plan the arguments that differ for one task."""
    settings = pipeline.tasks.get(task_id, TaskSettings())  # type: ignore[call-overload]
    resources = settings.resources or _of_section(pipeline, task_id)
    found = {
        "pool": settings.pool,
        "pool_slots": settings.pool_slots,
        "priority_weight": settings.priority_weight,
        "queue": settings.queue,
        "retries": settings.retries,
        "execution_timeout": settings.timeout,
        "executor_config": call(pod_override, resources) if resources else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def notifiers(callbacks: Sequence[Callback], base: Any) -> list[Call] | None:
    """Plan callbacks for Airflow, or None when there are none."""
    folder = {"base": base} if base else {}
    return [call(ConfiguredNotifier, callback, **folder) for callback in callbacks] or None


def _of_section(pipeline: Pipeline, task_id: str) -> Resources | None:
    return pipeline.train.resources if task_id in _TRAINS else None
