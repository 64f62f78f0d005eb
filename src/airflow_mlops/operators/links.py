"""Buttons in the Airflow UI that lead out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink, BaseXCom
from attrs import define

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

_KEY = "mlops_mlflow_run"


@define()
class MlflowRunLink(BaseOperatorLink):
    """Leads from a task to its MLflow run."""

    name = "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the run's address, or an empty string when MLflow has no UI address."""
        found = BaseXCom.get_value(key=_KEY, ti_key=ti_key)
        return str(found or "")

    @staticmethod
    def remember(context: Context, ui_url: str | None, run_id: str) -> None:
        """Keep the address of ``run_id`` with the task, when there is a UI to lead to."""
        if ui_url:
            context["ti"].xcom_push(key=_KEY, value=f"{ui_url}/#/runs/{run_id}")
