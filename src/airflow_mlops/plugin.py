"""What this package adds to the Airflow UI."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_mlops.operators.links import MlflowRunLink


class AirflowMlopsPlugin(AirflowPlugin):
    """Registers the links of the stage operators."""

    name = "airflow_mlops"
    operator_extra_links = [MlflowRunLink()]  # noqa: RUF012 - the base class declares it so
