"""The first task of a deploy: which version is this about, and what is known of it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import DeployRequest
from airflow_mlops.hooks.errors import translated
from airflow_mlops.operators.data_interval import triggering_extras
from airflow_mlops.operators.deploy import person_behind, registry_of, rollout_driver, rollout_store
from airflow_mlops.operators.resource_usage import measured

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.training.registry import Registry

_BY_HAND = "asked for by hand"


class PrepareOperator(BaseOperator):
    """Resolves what a deploy run asks for into a DeployRequest.

    The version is the run's ``version``, else the one of the asset event that started it, else the
    registry's ``challenger``. With ``action`` ``rollback`` it is the previous champion. A decision on a
    running rollout is handed to that rollout; this run then ends.

    :param pipeline: the configuration of the pipeline.
    """

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the DeployRequest as JSON."""
        with measured(context), translated():
            params = context["params"]
            action = str(params.get("action") or "deploy")
            registry = registry_of(self.pipeline)
            if action != "deploy" and self._decided(action, registry, context):
                raise AirflowSkipException(f"{action}: handed to the rollout that waits for it")
            request = self._request(action, params.get("version"), registry, context)
        self.log.info("%s version %s of %s", action, request.model_version, request.name)
        return request.to_json()

    def _decided(self, action: str, registry: Registry, context: Context) -> bool:
        """Hand a person's decision to the running rollout; False when there is none to decide on."""
        running = rollout_store().running(self.pipeline.name)
        if running is None:
            if action == "rollback":
                return False
            raise ConfigError(f"{action}: no rollout of {self.pipeline.name} is running; nothing to decide")
        # With the registry a rollback ends even when the run that started the rollout is gone.
        driver = rollout_driver(self.pipeline, registry)
        who = person_behind(context)
        if action == "rollback":
            driver.restore(running.id, f"rolled back by {who}", who)
        else:
            driver.decide(running.id, action, who)
        return True

    def _request(self, action: str, wanted: Any, registry: Registry, context: Context) -> DeployRequest:
        champion = registry.get("champion")
        if action == "rollback":
            version, reason = registry.get("previous"), _BY_HAND
            if version is None:
                raise ConfigError(f"{self.pipeline.name} has no previous champion to go back to")
        else:
            version, reason = self._version(wanted, registry, context)
        if version == champion:
            raise AirflowSkipException(f"version {version} of {self.pipeline.name} is the champion already")
        evaluation = registry.evaluation(version)
        return DeployRequest(
            name=self.pipeline.name,
            action=action,
            model_version=version,
            champion_version=champion,
            metrics=evaluation.metrics if evaluation else {},
            comparisons=evaluation.comparisons if evaluation else (),
            reason=reason,
            request=context["ti"].run_id if reason == _BY_HAND else "",
        )

    def _version(self, wanted: Any, registry: Registry, context: Context) -> tuple[int, str]:
        if wanted is not None:
            return int(wanted), _BY_HAND
        told: list[Mapping[str, Any]] = [
            extra for extra in triggering_extras(context) if extra.get("version")
        ]
        if told:
            return int(told[-1]["version"]), "passed its gate"
        challenger = registry.get("challenger")
        if challenger is None:
            raise ConfigError(
                f"{self.pipeline.name} has no challenger: run {self.pipeline.name}__train, or give a version"
            )
        return challenger, "the registry's challenger"
