"""What this package adds to Airflow: links in the UI, and pipeline files as DAG files."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_mlops.factory.registration import register_importer
from airflow_mlops.operators.links import CardLink, MlflowRunLink


class AirflowMlopsPlugin(AirflowPlugin):
    """Registers the links of the stage operators, and ``*.mlops.yaml`` with Airflow's DAG importers."""

    name = "airflow_mlops"
    operator_extra_links = [MlflowRunLink(), CardLink()]  # noqa: RUF012 - the base class declares it so

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:  # noqa: ARG003 - Airflow's signature
        """Register the importer; Airflow calls this before a process parses DAG files."""
        register_importer()
