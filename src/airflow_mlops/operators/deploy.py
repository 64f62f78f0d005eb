"""What the tasks of a deploy share: the request, the registry, the rollout's driver and its plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_mlops.config.models import Deploy, Pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.hooks.mlflow import MlflowHook
from airflow_mlops.hooks.rollouts import open_rollouts, rollouts_place
from airflow_mlops.hooks.serving import ServingHook

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.core.records import DeployRequest
    from airflow_mlops.rollout.core import RolloutPlan
    from airflow_mlops.rollout.driver import RolloutDriver
    from airflow_mlops.rollout.store.store import RolloutStore
    from airflow_mlops.training.registry import Registry


class DeployOperator(BaseOperator):
    """Base of the tasks that come after prepare.

    :param pipeline: the configuration of the pipeline.
    :param request: the DeployRequest, usually the ``output`` of the prepare task.
    """

    template_fields: Sequence[str] = ("request",)

    def __init__(self, *, pipeline: Pipeline, request: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.request = request


def person_behind(context: Context) -> str:
    """Return the user who triggered a run, ``airflow`` when nobody did."""
    return str(getattr(context["dag_run"], "triggering_user_name", None) or "airflow")


def registry_of(pipeline: Pipeline) -> Registry:
    """Return the registry of the pipeline's model."""
    from airflow_mlops.training.registry import Registry

    return Registry(MlflowHook(pipeline.mlflow_conn_id).tracking_uri(), pipeline.name)


def rollout_store() -> RolloutStore:
    """Return the store of all rollouts."""
    return open_rollouts(rollouts_place())


def rollout_driver(pipeline: Pipeline, registry: Registry | None = None) -> RolloutDriver:
    """Return the driver of the pipeline's rollouts; without a registry it only moves traffic."""
    from airflow_mlops.rollout import targets
    from airflow_mlops.rollout.driver import RolloutDriver

    deploy = deploy_of(pipeline)
    target = targets.connect(deploy.target, ServingHook(deploy.conn_id).connection())
    return RolloutDriver(rollout_store(), target, registry)


def deploy_of(pipeline: Pipeline) -> Deploy:
    """Return the pipeline's ``deploy`` section; raises ConfigError when it has none."""
    if pipeline.deploy is None:
        raise ConfigError(f"pipeline {pipeline.name} has no `deploy` section")
    return pipeline.deploy


def rollout_plan(pipeline: Pipeline, request: DeployRequest) -> RolloutPlan:
    """Return the plan of the rollout that ``request`` asks for; a rollback has no canary steps."""
    from airflow_mlops.rollout.core import rollback_to
    from airflow_mlops.rollout.plan import plan_rollout

    if request.action == "rollback" and request.champion_version is not None:
        return rollback_to(
            request.name, request.model_version, champion=request.champion_version, request=request.request
        )
    return plan_rollout(
        deploy_of(pipeline).canary,
        name=request.name,
        model_version=request.model_version,
        model_uri=f"models:/{request.name}/{request.model_version}",
        champion_version=request.champion_version,
        request=request.request,
    )
