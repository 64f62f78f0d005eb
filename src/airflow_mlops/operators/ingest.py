"""The ingest stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.operators.base import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class IngestOperator(StageOperator):
    """Reads the training rows and stores them with a digest; see StageOperator for the parameters.

    Its asset event (``<pipeline>/data``) carries where the rows are, how many, and their digest.
    """

    stage: ClassVar[str] = "ingest"

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the dataset's reference and describe it on the task's asset events."""
        for asset in self.outlets:
            kept = ("uri", "digest", "rows", "start", "end")
            context["outlet_events"][asset].extra = {key: record[key] for key in kept}
        return record
