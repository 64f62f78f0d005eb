"""The drift stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class DriftOperator(StageOperator):
    """Compares a window with the reference profile of the champion; see StageOperator for the parameters."""

    stage: ClassVar[str] = "drift"
