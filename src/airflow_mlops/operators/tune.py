"""The tune task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_mlops.operators.base import StageOperator


class TuneOperator(StageOperator):
    """Searches parameters; see StageOperator for the other parameters.

    Mapped, as ``TuneOperator.partial(...).expand(worker=[0, 1])``, one task is one worker: as many of them
    as ``train.tune.workers`` share the trials.

    :param features: the record of the features task, usually its ``output``.
    :param worker: number of this worker, from 0.
    """

    stage = "tune"
    takes: ClassVar[tuple[str, ...]] = ("features",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, features: Any, worker: int = 0, **kwargs: Any) -> None:
        super().__init__(options={"worker": worker}, **kwargs)
        self.features = features
