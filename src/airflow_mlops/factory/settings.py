"""How Airflow runs the tasks of a pipeline: what all of them share, and what one has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from airflow.sdk import conf

from airflow_mlops.config.models import Callback, Pipeline, Resources, TaskSettings
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.hooks.retry import FailAtOnce
from airflow_mlops.notifications.configured import ConfiguredNotifier

_TRAINS: Final = ("tune", "train")
_ONCE: Final = 1


def shared(pipeline: Pipeline, base: str) -> dict[str, Any]:
    """Return the ``default_args`` of a pipeline's DAGs."""
    retry = pipeline.retry
    found = {
        "owner": pipeline.owner,
        "retries": pipeline.retries,
        "retry_delay": retry.delay,
        "retry_exponential_backoff": retry.backoff,
        "max_retry_delay": retry.max_delay,
        "retry_policy": FailAtOnce(retry.fail_on),
        "pool": pipeline.pool,
        "pool_slots": pipeline.pool_slots if pipeline.pool_slots != _ONCE else None,
        "priority_weight": pipeline.priority_weight if pipeline.priority_weight != _ONCE else None,
        "on_failure_callback": notifiers(pipeline.callbacks.on_failure, base),
        "on_retry_callback": notifiers(pipeline.callbacks.on_retry, base),
    }
    return {key: value for key, value in found.items() if value is not None}


def own(pipeline: Pipeline, task_id: str) -> dict[str, Any]:
    """Return the arguments that differ for one task."""
    settings = pipeline.tasks.get(task_id, TaskSettings())  # type: ignore[call-overload]
    found = {
        "pool": settings.pool,
        "pool_slots": settings.pool_slots,
        "priority_weight": settings.priority_weight,
        "queue": settings.queue,
        "retries": settings.retries,
        "execution_timeout": settings.timeout,
        "executor_config": _pod(settings.resources or _of_section(pipeline, task_id)),
    }
    return {key: value for key, value in found.items() if value is not None}


def notifiers(callbacks: Sequence[Callback], base: str) -> list[Any] | None:
    """Return callbacks for Airflow, or None when there are none."""
    return [ConfiguredNotifier(callback, base) for callback in callbacks] or None


def _of_section(pipeline: Pipeline, task_id: str) -> Resources | None:
    return pipeline.train.resources if task_id in _TRAINS else None


def _pod(resources: Resources | None) -> dict[str, Any] | None:
    """Return ``executor_config`` for the KubernetesExecutor, or None where no pod is made.

    The client is imported only here: it costs a second of CPU.
    """
    if resources is None or "KubernetesExecutor" not in conf.get("core", "executor"):
        return None
    try:
        from kubernetes.client import models
    except ImportError:
        raise ConfigError(
            "resources need the Kubernetes client: pip install apache-airflow-providers-cncf-kubernetes"
        ) from None
    asked = {"cpu": str(resources.cpu) if resources.cpu else None, "memory": resources.memory}
    limits = {"memory": resources.memory, "nvidia.com/gpu": str(resources.gpu) if resources.gpu else None}
    needs = models.V1ResourceRequirements(requests=_given(asked), limits=_given(limits))
    container = models.V1Container(name="base", image=resources.image, resources=needs)
    return {"pod_override": models.V1Pod(spec=models.V1PodSpec(containers=[container]))}


def _given(amounts: dict[str, str | None]) -> dict[str, str] | None:
    return {key: value for key, value in amounts.items() if value} or None
