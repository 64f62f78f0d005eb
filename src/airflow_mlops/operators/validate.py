"""The validate task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class ValidateOperator(StageOperator):
    """Checks a dataset with the pipeline's expectations; see StageOperator for the other parameters.

    Rejected data fails the task at once; with ``on_failure: warn`` each failure is a warning, with
    ``quarantine`` the record names the dataset without the bad rows.

    :param dataset: the record of the rows, usually the ``output`` of the ingest task.
    """

    stage = "validate"
    takes: ClassVar[tuple[str, ...]] = ("dataset",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, dataset: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
