"""The observe stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class ObserveOperator(StageOperator):
    """Scores one window of rows with the champion; see StageOperator for the parameters."""

    stage: ClassVar[str] = "observe"
