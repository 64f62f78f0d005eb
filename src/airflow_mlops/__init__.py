"""The whole life of a machine-learning model on Apache Airflow 3, from one small YAML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_mlops.config.loader import load_pipeline as load_pipeline
    from airflow_mlops.config.models import Pipeline as Pipeline
    from airflow_mlops.factory.load import load_pipelines as load_pipelines

__version__ = "0.1.0"
__all__ = ["Pipeline", "__version__", "load_pipeline", "load_pipelines"]

_LAZY = {
    "Pipeline": "airflow_mlops.config.models",
    "load_pipeline": "airflow_mlops.config.loader",
    "load_pipelines": "airflow_mlops.factory.load",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing the package costs nothing."""
    import importlib

    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
