"""The prepare task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.data_interval import triggering_extras

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.lifecycle.ports import Ports
    from airflow_mlops.lifecycle.runner import StageRequest


class PrepareOperator(StageOperator):
    """Resolves what a deploy run asks for into a DeployRequest; see StageOperator for the parameters.

    The version is the run's ``version``, else the one of the asset event that started it, else the
    registry's ``challenger``. With ``action`` ``rollback`` it is the previous champion. A decision about a
    running rollout is passed on to that rollout; this run then ends.
    """

    stage = "prepare"

    def stage_request(self, context: Context, **options: Any) -> tuple[StageRequest, Ports]:
        """Add what the run's parameters and its asset event ask for."""
        versions = [extra["version"] for extra in triggering_extras(context) if extra.get("version")]
        params = context["params"]
        asked = {
            "action": params.get("action"),
            "version": params.get("version"),
            "event_version": versions[-1] if versions else None,
            "run_id": context["ti"].run_id,
        }
        return super().stage_request(context, **asked, **options)
