"""The features stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class FeaturesOperator(StageOperator):
    """Splits off the hold-out and applies the feature function; see StageOperator for the parameters."""

    stage: ClassVar[str] = "features"
