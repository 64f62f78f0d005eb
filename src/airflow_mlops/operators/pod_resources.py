"""What a task's pod gets, as Airflow's executors take it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import conf

from airflow_mlops.config.models import Resources
from airflow_mlops.core.errors import ConfigError


def pod_override(resources: Resources) -> dict[str, Any]:
    """Return ``executor_config`` for the KubernetesExecutor, and nothing where no pod is made.

    The client is imported only here: it costs a second of CPU. Raises ConfigError when it is missing.
    """
    if "KubernetesExecutor" not in conf.get("core", "executor"):
        return {}
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
