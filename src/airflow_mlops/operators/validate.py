"""The validate stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.operators.base import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateOperator(StageOperator):
    """Holds a dataset against the pipeline's expectations; see StageOperator for the other parameters.

    Data that is refused fails the task at once; with ``on_failure: warn`` each failure is a warning, with
    ``quarantine`` the record names the dataset that goes on without the bad rows.

    :param dataset: the record of the rows, usually the ``output`` of the ingest task.
    """

    stage: ClassVar[str] = "validate"
    takes: ClassVar[tuple[str, ...]] = ("dataset",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, dataset: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the report; log what failed without ending the run."""
        for failure in record["failures"]:
            self.log.warning("%s on %s: %s", failure["expectation"], failure["column"], failure["detail"])
        return record
