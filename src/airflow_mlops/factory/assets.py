"""The assets that join the DAGs of one pipeline."""

from __future__ import annotations

from airflow.sdk import Asset


def pipeline_asset(pipeline: str, what: str) -> Asset:
    """Return the asset ``<pipeline>/<what>``: ``data``, ``challenger``, ``champion`` or ``retrain``."""
    return Asset(name=f"{pipeline}/{what}", uri=f"mlops://{pipeline}/{what}", group="mlops")
