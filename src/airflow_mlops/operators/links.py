"""Buttons in the Airflow UI that lead out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink
from attrs import define

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


@define()
class CardLink(BaseOperatorLink):
    """Leads from a task to the training card in the MLflow run of the model that it judged."""

    name = "Training card"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the card's address, or an empty string when there is no card or MLflow has no UI address."""
        return str(getattr(operator, "card_url", None) or "")


@define()
class MlflowRunLink(BaseOperatorLink):
    """Leads from a task to its MLflow run.

    Airflow asks for the address in the task's own process when the task has ended, and keeps it.
    """

    name = "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the run's address, or an empty string when there is no run or MLflow has no UI address."""
        return str(getattr(operator, "mlflow_run_url", None) or "")
