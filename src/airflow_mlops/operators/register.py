"""The register stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.operators.base import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RegisterOperator(StageOperator):
    """Puts a model that passed into the registry; see StageOperator for the parameters.

    Its asset event (``<pipeline>/challenger``) carries the version that the deploy DAG is then about.
    """

    stage: ClassVar[str] = "register"

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the registered version and describe it on the task's asset events."""
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                "version": record["model_version"],
                "model_uri": record["model_uri"],
                "metrics": record["metrics"],
            }
        return record
