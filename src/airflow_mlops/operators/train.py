"""The train stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class TrainOperator(StageOperator):
    """Fits the final model and logs it to MLflow; see StageOperator for the parameters."""

    stage: ClassVar[str] = "train"
