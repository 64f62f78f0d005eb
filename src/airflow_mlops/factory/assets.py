"""The assets that join the DAGs of one pipeline."""

from __future__ import annotations

from functools import partial

from airflow.sdk import Asset


def pipeline_asset(pipeline: str, name: str) -> partial[Asset]:
    """Return the call that creates the asset ``<pipeline>/<name>``.

    :param name: ``data``, ``challenger``, ``champion`` or ``retrain``.

    >>> pipeline_asset("churn", "champion")().uri
    'mlops://churn/champion'
    """
    return partial(Asset, name=f"{pipeline}/{name}", uri=f"mlops://{pipeline}/{name}", group="mlops")
