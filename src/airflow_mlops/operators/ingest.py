"""The ingest task."""

from __future__ import annotations

from airflow_mlops.operators.base import StageOperator


class IngestOperator(StageOperator):
    """Reads the training rows and stores them with a digest; see StageOperator for the parameters.

    Its asset event (``<pipeline>/data``) carries where the rows are, how many, and their digest.
    """

    stage = "ingest"
