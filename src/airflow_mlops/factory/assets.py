"""The assets that join the DAGs of one pipeline."""

from __future__ import annotations

from airflow.sdk import Asset

from airflow_mlops.factory.plan import Call, call


def pipeline_asset(pipeline: str, what: str) -> Call:
    """Plan the asset ``<pipeline>/<what>``: ``data``, ``challenger``, ``champion`` or ``retrain``."""
    return call(Asset, name=f"{pipeline}/{what}", uri=f"mlops://{pipeline}/{what}", group="mlops")
