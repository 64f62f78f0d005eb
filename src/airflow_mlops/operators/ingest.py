"""The ingest stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class IngestOperator(StageOperator):
    """Reads the training rows and stores them with a digest; see StageOperator for the parameters."""

    stage: ClassVar[str] = "ingest"
