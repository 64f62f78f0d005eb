"""The record of a model that was judged, and what it consists of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_mlops.core.positive_class import about
from airflow_mlops.core.record import Record
from airflow_mlops.core.records.answers import Answer
from airflow_mlops.core.records.budget import BudgetCheck
from airflow_mlops.core.records.comparisons import INCONCLUSIVE as INCONCLUSIVE
from airflow_mlops.core.records.comparisons import NOT_WORSE as NOT_WORSE
from airflow_mlops.core.records.comparisons import WORSE as WORSE
from airflow_mlops.core.records.comparisons import Check as Check
from airflow_mlops.core.records.comparisons import Comparison as Comparison
from airflow_mlops.core.records.comparisons import SliceCheck as SliceCheck
from airflow_mlops.core.records.comparisons import SliceComparison as SliceComparison
from airflow_mlops.core.records.evaluation_words import compared, next_step, of_slices, of_slices_against
from airflow_mlops.core.records.groups import GroupDifference
from airflow_mlops.core.records.model_format import ModelFormat
from airflow_mlops.core.records.preprocessing import Preprocessing


@dataclass(frozen=True, kw_only=True)
class ModelRef(Record):
    """A trained model in MLflow, not yet registered.

    ``positive`` is the class of two that its score is about, where that does not go without saying;
    ``threshold`` the probability of that class from which it predicts it, where ``train.threshold`` says so.
    ``preprocess`` is what was put before the estimator, ``rounds`` how many early stopping has found.
    ``format`` is that of its file.
    """

    name: str
    model_uri: str
    run_id: str
    digest: str
    params: Mapping[str, Any]
    rows: int
    positive: str = ""
    threshold: float | None = None
    preprocess: Preprocessing = field(default_factory=Preprocessing)
    rounds: int | None = None
    format: ModelFormat = field(default_factory=ModelFormat)

    @property
    def summary(self) -> str:
        """Rows, MLflow run, positive class, threshold, rounds, steps before the estimator, notes, format."""
        score = f"; its score is the probability of {self.positive!r}" if self.positive else ""
        threshold = "" if self.threshold is None else f"; decision threshold {self.threshold:.3g}"
        text = f"fitted on {self.rows:,} rows, in MLflow as run {self.run_id[:8]}{score}{threshold}"
        rounds = [f"{self.rounds:,} rounds by early stopping"] if self.rounds else []
        steps = [f"{name} {len(columns):,}" for name, columns in self.preprocess.steps.items()]
        before = [f"columns before the estimator: {', '.join(steps)}"] if steps else []
        form = [f"format {self.format}"] if self.format else []
        return "; ".join([text, *rounds, *before, *self.preprocess.notes, *form])


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """The gate's view of a model: figures, limits, comparison, verdict (``passed`` and ``reasons``).

    ``of_class`` is the class of two that metrics such as recall are about; ``not_compared`` says why there is
    no comparison with the champion although there is one. ``test_set`` is the digest of a hold-out that is a
    test set of its own, ``caution`` says what a reader should know before the figures are believed.
    ``outcome`` is that of all comparisons (``not_worse``, ``worse``, ``inconclusive``), empty without a
    champion; with ``asks`` a person decides. ``against_anchor`` compares with ``anchor_version``, the best
    earlier champion, where that is not the champion; ``anchor`` and ``lost`` are what the version gets as its
    own anchor (None: itself) and as the largest loss per metric. ``left_out`` rows did not count, because the
    champion has learned from them.
    ``dummy`` are the figures of a model that knows no feature, ``unknown_labels`` the rows that do not count
    because the model was not trained on their label.
    ``slices`` are values of a column held against limits of their own, ``against_slices`` those that are
    compared with the champion.
    ``groups`` are the differences between groups of rows that have a limit, ``budget`` what the model costs.
    ``card`` is where MLflow's pages show the card of the training, empty when there is none.
    ``approvals`` are the answers of people who accepted a model without enough evidence.
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
    outcome: str = ""
    asks: bool = False
    anchor_version: int | None = None
    against_anchor: tuple[Comparison, ...] = ()
    anchor: int | None = None
    lost: Mapping[str, float] = field(default_factory=dict)
    left_out: int = 0
    dummy: Mapping[str, float] = field(default_factory=dict)
    unknown_labels: int = 0
    card: str = ""
    groups: tuple[GroupDifference, ...] = ()
    budget: tuple[BudgetCheck, ...] = ()
    against_slices: tuple[SliceComparison, ...] = ()
    approvals: tuple[Answer, ...] = ()

    @property
    def unfinished(self) -> bool:
        """Whether further people have to answer."""
        return self.asks

    @property
    def summary(self) -> str:
        """What was found, by what was compared on how many rows, and what happens now."""
        rows = f" on {self.rows:,} hold-out rows" if self.rows else ""
        step = next_step(
            self.champion_version, asks=self.asks, passed=self.passed, refused=bool(self.reasons)
        )
        return ". ".join(filter(None, (*self._findings(rows), step)))

    @property
    def findings(self) -> str:
        """Figures, their class, the differences to earlier versions, slices, groups, cost, and a caution."""
        return ". ".join(filter(None, self._findings("")))

    def _findings(self, rows: str) -> Iterator[str]:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in self.metrics.items())
        dummy = "".join(f"; a dummy has {name} {value:.3f}" for name, value in list(self.dummy.items())[:1])
        yield f"{figures}{about(self.of_class)}{rows}{dummy}"
        yield from compared(f"the champion, version {self.champion_version}", self.comparisons)
        if self.left_out and self.comparisons:
            yield f"{self.left_out:,} rows that the champion has learned from do not count"
        yield from compared(f"the best earlier champion, version {self.anchor_version}", self.against_anchor)
        if self.not_compared and self.not_compared not in self.caution:
            yield f"Not compared with the champion: {self.not_compared}"
        yield from of_slices(self.slices)
        yield from of_slices_against(self.against_slices)
        yield from (f"{item.column}: {item.measure} {item.figures}" for item in self.groups if item.figures)
        yield from (f"{item.name}: {item.figures}" for item in self.budget)
        if self.caution:
            yield f"Caution: {self.caution}"

    @property
    def rejection(self) -> str:
        """The reasons of a failed gate; none while a person has to decide."""
        if self.passed or self.asks:
            return ""
        return f"evaluation gate failed{about(self.of_class)}: {'; '.join(self.reasons)}"
