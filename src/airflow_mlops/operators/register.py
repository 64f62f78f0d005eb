"""The register stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.operators.base import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RegisterOperator(StageOperator):
    """Puts a model that passed into the registry; see StageOperator for the other parameters.

    Its asset event (``<pipeline>/challenger``) carries the version that the deploy DAG is then about.

    :param evaluation: the record of the evaluate task, usually its ``output``.
    """

    stage: ClassVar[str] = "register"
    takes: ClassVar[tuple[str, ...]] = ("evaluation",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, evaluation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.evaluation = evaluation

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the registered version and describe it on the task's asset events."""
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                "version": record["model_version"],
                "model_uri": record["model_uri"],
                "metrics": record["metrics"],
            }
        return record
