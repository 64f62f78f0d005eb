"""The records of tuning, training, evaluation and registration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from airflow_mlops.core.positive_class import about
from airflow_mlops.core.record import Record


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
class ModelRef(Record):
    """A trained model in MLflow, not yet registered.

    ``positive`` is the class of two that its score is about, where that does not go without saying;
    ``threshold`` the probability of that class from which it predicts it, where ``train.threshold`` says so.
    """

    name: str
    model_uri: str
    run_id: str
    digest: str
    params: Mapping[str, Any]
    rows: int
    positive: str = ""
    threshold: float | None = None

    @property
    def summary(self) -> str:
        """Rows and MLflow run, positive class and threshold."""
        about = f"; its score is the probability of {self.positive!r}" if self.positive else ""
        line = "" if self.threshold is None else f"; decision threshold {self.threshold:.3g}"
        return f"fitted on {self.rows:,} rows, in MLflow as run {self.run_id[:8]}{about}{line}"


@dataclass(frozen=True, kw_only=True)
class OwnResult(Record):
    """What a stage of the user's own returned, and the MLflow run that its figures are on, if any."""

    stage: str
    values: Mapping[str, Any]
    run_id: str = ""


@dataclass(frozen=True)
class Check:
    """One limit held against one figure, such as ``roc_auc`` 0.71 against ``>= 0.6``."""

    name: str
    value: float
    limit: str
    passed: bool


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion on the same rows, larger is better, with a bootstrap interval.

    With an empty ``limit`` it is shown and refuses nothing.
    """

    metric: str
    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    limit: str
    passed: bool


@dataclass(frozen=True)
class SliceCheck:
    """The hold-out rows with one value of a column against limits; ``skipped`` says why they were not."""

    column: str
    value: str
    rows: int
    checks: tuple[Check, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """The gate's view of a model: figures, limits, comparison, verdict (``passed`` and ``reasons``).

    ``of_class`` is the class of two that metrics such as recall are about; ``not_compared`` says why there is
    no comparison with the champion although there is one. ``test_set`` is the digest of a hold-out that is a
    test set of its own, ``caution`` says why the champion's figures on it may be too good.
    ``dummy`` are the figures of a model that knows no feature, ``unknown_labels`` the rows that do not count
    because the model was not trained on their label.
    ``card`` is where MLflow's pages show the card of the training, empty when there is none.
    """

    model: ModelRef
    metrics: Mapping[str, float]
    checks: tuple[Check, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    slices: tuple[SliceCheck, ...] = ()
    champion_version: int | None = None
    rows: int = 0
    passed: bool = False
    reasons: tuple[str, ...] = ()
    of_class: str = ""
    not_compared: str = ""
    test_set: str = ""
    caution: str = ""
    dummy: Mapping[str, float] = field(default_factory=dict)
    unknown_labels: int = 0
    card: str = ""

    @property
    def summary(self) -> str:
        """Metrics, the class that they are about, the difference to the champion, and a caution about it."""
        figures = ", ".join(f"{name} {value:.3f}" for name, value in self.metrics.items())
        of = about(self.of_class)
        against = "".join(
            f"; against version {self.champion_version}: {item.metric} {item.difference:+.3f} "
            f"[{item.low:+.3f}, {item.high:+.3f}]{_unlimited(item)}"
            for item in self.comparisons
        )
        missing = f"; not compared with the champion: {self.not_compared}" if self.not_compared else ""
        dummy = "".join(f"; a dummy has {name} {value:.3f}" for name, value in list(self.dummy.items())[:1])
        return figures + of + dummy + against + missing + (f"; {self.caution}" if self.caution else "")

    @property
    def rejection(self) -> str:
        """The reasons of a failed gate."""
        return (
            "" if self.passed else f"evaluation gate failed{about(self.of_class)}: {'; '.join(self.reasons)}"
        )


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion(Record):
    """A version in the MLflow registry that passed its gate."""

    name: str
    model_version: int
    model_uri: str
    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    alias: str = "challenger"

    @property
    def summary(self) -> str:
        """Version and alias."""
        return f"version {self.model_version}, alias {self.alias}"


def _unlimited(item: Comparison) -> str:
    return " (worse, and evaluate.against_champion sets no limit)" if not item.limit and item.high < 0 else ""


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
