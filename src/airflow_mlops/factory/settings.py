"""How Airflow runs the tasks of a pipeline: the defaults of a DAG, and what one task overrides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from airflow_mlops.config.models import Callback, Pipeline, Resources, TaskSettings
from airflow_mlops.hooks.retry import FailFastRetryPolicy
from airflow_mlops.notifications.configured import ConfiguredNotifier
from airflow_mlops.operators.pod_resources import pod_override

_TRAINING_TASKS: Final = ("tune", "train", "refit")
_AIRFLOW_DEFAULT: Final = 1
"""``pool_slots`` and ``priority_weight`` that Airflow uses anyway."""


def default_args(pipeline: Pipeline, base: Any) -> dict[str, Any]:
    """Return the ``default_args`` of a pipeline's DAGs; values may be calls, see ``builder.resolve``."""
    retry = pipeline.retry
    arguments = {
        "owner": pipeline.owner,
        "retries": pipeline.retries,
        "retry_delay": retry.delay,
        "retry_exponential_backoff": retry.backoff,
        "max_retry_delay": retry.max_delay,
        "retry_policy": partial(FailFastRetryPolicy, list(retry.fail_on))
        if retry.fail_on
        else partial(FailFastRetryPolicy),
        "pool": pipeline.pool,
        "pool_slots": pipeline.pool_slots if pipeline.pool_slots != _AIRFLOW_DEFAULT else None,
        "priority_weight": pipeline.priority_weight if pipeline.priority_weight != _AIRFLOW_DEFAULT else None,
        "on_failure_callback": notifiers(pipeline.callbacks.on_failure, base),
        "on_retry_callback": notifiers(pipeline.callbacks.on_retry, base),
    }
    return {key: value for key, value in arguments.items() if value is not None}


def task_overrides(pipeline: Pipeline, task_id: str) -> dict[str, Any]:
    """Return the arguments that one task sets for itself; values may be calls."""
    settings = pipeline.tasks.get(task_id, TaskSettings())
    resources = settings.resources or _section_resources(pipeline, task_id)
    arguments = {
        "pool": settings.pool,
        "pool_slots": settings.pool_slots,
        "priority_weight": settings.priority_weight,
        "queue": settings.queue,
        "retries": settings.retries,
        "execution_timeout": settings.timeout,
        "executor_config": partial(pod_override, resources) if resources else None,
    }
    return {key: value for key, value in arguments.items() if value is not None}


def notifiers(callbacks: Sequence[Callback], base: Any) -> list[partial[ConfiguredNotifier]] | None:
    """Return the calls that create Airflow callbacks, or None when there are none."""
    folder = {"base": base} if base else {}
    return [partial(ConfiguredNotifier, callback, **folder) for callback in callbacks] or None


def _section_resources(pipeline: Pipeline, task_id: str) -> Resources | None:
    return pipeline.train.resources if task_id in _TRAINING_TASKS else None
