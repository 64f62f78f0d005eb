"""The teardown of a deploy: no half-done rollout is left with traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_mlops.core.records import DeployRequest
from airflow_mlops.hooks.errors import translated
from airflow_mlops.operators.deploy import (
    DeployOperator,
    registry_of,
    rollout_driver,
    rollout_plan,
    rollout_store,
)
from airflow_mlops.operators.resource_usage import measured

if TYPE_CHECKING:
    from airflow.sdk import Context


class RestoreOperator(DeployOperator):
    """Rolls back a rollout that has not ended when the run's other tasks have, and checks the traffic."""

    def execute(self, context: Context) -> str:
        """Return the phase that the rollout is in now, or ``none`` when there was no rollout."""
        if not self.request:
            return "none"
        from airflow_mlops.rollout.core import rollout_id

        with measured(context), translated():
            plan = rollout_plan(self.pipeline, DeployRequest.from_json(self.request))
            state = rollout_store().find(rollout_id(plan))
            if state is None:
                return "none"
            driver = rollout_driver(self.pipeline, registry_of(self.pipeline))
            reason = "the deploy run ended before the rollout"
            return str(driver.restore(state.id, reason, "airflow").phase)
