"""The extras of this distribution that bring what a pipeline file names."""

from __future__ import annotations

from typing import Final

_BOOSTING: Final = ("catboost", "lightgbm", "xgboost")


def how_to_install(module: str) -> str:
    """Return the end of a message about a module that does not exist; empty when no extra brings it.

    >>> how_to_install("xgboost")
    "; install it: pip install 'airflow-mlops[xgboost]'"
    """
    return f"; install it: pip install 'airflow-mlops[{module}]'" if module in _BOOSTING else ""
