"""The observe task."""

from __future__ import annotations

from airflow_mlops.operators.base import StageOperator


class ObserveOperator(StageOperator):
    """Scores one window of rows with the champion; see StageOperator for the parameters."""

    stage = "observe"
