"""The performance stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class PerformanceOperator(StageOperator):
    """Measures the champion on the labels of a window; see StageOperator for the parameters."""

    stage: ClassVar[str] = "performance"
