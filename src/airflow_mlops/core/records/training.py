"""The records of tuning, training and registration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from airflow_mlops.core.positive_class import about
from airflow_mlops.core.record import Record
from airflow_mlops.core.records.evaluation import INCONCLUSIVE as INCONCLUSIVE
from airflow_mlops.core.records.evaluation import NOT_WORSE as NOT_WORSE
from airflow_mlops.core.records.evaluation import WORSE as WORSE
from airflow_mlops.core.records.evaluation import Check as Check
from airflow_mlops.core.records.evaluation import Comparison as Comparison
from airflow_mlops.core.records.evaluation import Evaluation as Evaluation
from airflow_mlops.core.records.evaluation import ModelRef as ModelRef
from airflow_mlops.core.records.evaluation import SliceCheck as SliceCheck
from airflow_mlops.core.records.evaluation import SliceComparison as SliceComparison


@dataclass(frozen=True, kw_only=True)
class TuneResult(Record):
    """What one tuning worker found. ``best_score`` is larger-is-better, of the class ``of_class`` of two."""

    worker: int
    metric: str
    best_score: float | None
    best_params: Mapping[str, Any]
    trials: int
    failed: int
    run_id: str
    of_class: str = ""

    @property
    def summary(self) -> str:
        """Trials, failed trials and the best parameters."""
        failed = f", {self.failed} failed" if self.failed else ""
        if self.best_score is None:
            return f"{self.trials} trials{failed}"
        params = ", ".join(f"{name}={_short(value)}" for name, value in self.best_params.items())
        best = f"{self.metric} {self.best_score:.3f}{about(self.of_class)}"
        return f"{self.trials} trials{failed}, best {best} ({params})"

    @classmethod
    def summary_of_all(cls, records: Sequence[Self]) -> str:
        """All workers of one search as if they were one."""
        scored = [record for record in records if record.best_score is not None] or records
        best = max(scored, key=lambda record: record.best_score or 0.0)
        trials, failed = sum(record.trials for record in records), sum(record.failed for record in records)
        return replace(best, trials=trials, failed=failed).summary


@dataclass(frozen=True, kw_only=True)
class OwnResult(Record):
    """What a stage of the user's own returned, and the MLflow run that its figures are on, if any."""

    stage: str
    values: Mapping[str, Any]
    run_id: str = ""


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion(Record):
    """A version in the MLflow registry that passed its gate.

    ``judged_again`` are versions that became champion after `evaluate`; it was judged against each of them.
    """

    name: str
    model_version: int
    model_uri: str
    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    alias: str = "challenger"
    judged_again: tuple[int, ...] = ()

    @property
    def summary(self) -> str:
        """Version, alias, and the champion that it was judged against once more."""
        again = (
            f"; judged again: version {self.judged_again[-1]} had become the champion since evaluate"
            if self.judged_again
            else ""
        )
        return f"version {self.model_version}, alias {self.alias}{again}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
