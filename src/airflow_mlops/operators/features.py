"""The features task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class FeaturesOperator(StageOperator):
    """Splits off the hold-out and applies the feature function; see StageOperator for the other parameters.

    :param dataset: the record of the rows, usually the ``output`` of the ingest task.
    :param validation: the record of the validate task, if there is one: it may quarantine rows.
    :param holdout: the record of the holdout task, if there is one: the test set.
    """

    stage = "features"
    takes: ClassVar[tuple[str, ...]] = ("dataset", "validation", "holdout")
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, dataset: Any, validation: Any = None, holdout: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.validation = validation
        self.holdout = holdout
