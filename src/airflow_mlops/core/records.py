"""The small frozen JSON records that travel between stages.

A record never holds a frame or a model, only where to find one and what was decided about it. Each
carries its ``kind`` and a ``version`` in JSON, so that a later release can still read an old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_mlops.core.data_records import DatasetRef as DatasetRef
from airflow_mlops.core.data_records import Failure as Failure
from airflow_mlops.core.data_records import FeatureSet as FeatureSet
from airflow_mlops.core.data_records import Quarantine as Quarantine
from airflow_mlops.core.data_records import ValidationReport as ValidationReport
from airflow_mlops.core.record import Record as Record


@dataclass(frozen=True, kw_only=True)
class TuneResult(Record):
    """What one tuning worker found. ``best_score`` is larger-is-better."""

    worker: int
    metric: str
    best_score: float | None
    best_params: Mapping[str, Any]
    trials: int
    failed: int
    run_id: str


@dataclass(frozen=True, kw_only=True)
class ModelRef(Record):
    """A trained model in MLflow, not yet registered."""

    name: str
    model_uri: str
    run_id: str
    digest: str
    params: Mapping[str, Any]
    rows: int


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
    """Challenger minus champion on the same rows, larger is better, with a bootstrap interval."""

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
    """The gate's view of a model: figures, limits, comparison, verdict (``passed`` and ``reasons``)."""

    model: ModelRef
    metrics: Mapping[str, float]
    checks: tuple[Check, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    slices: tuple[SliceCheck, ...] = ()
    champion_version: int | None = None
    rows: int = 0
    passed: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion(Record):
    """A version in the MLflow registry that passed its gate."""

    name: str
    model_version: int
    model_uri: str
    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    alias: str = "challenger"


@dataclass(frozen=True, kw_only=True)
class DeployRequest(Record):
    """What a deploy run is about: the version, the champion on record, and why the gate let it pass.

    ``action`` is ``deploy`` or ``rollback``; ``request`` names the run when a person asked for it, so that
    the same version can be asked for again.
    """

    name: str
    action: str
    model_version: int
    champion_version: int | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    reason: str = ""
    request: str = ""


@dataclass(frozen=True, kw_only=True)
class RolloutResult(Record):
    """How a rollout ended: ``outcome`` is a terminal state name, ``evidence`` what decided it."""

    rollout_id: str
    name: str
    model_version: int
    champion_version: int | None
    outcome: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScoredWindow(Record):
    """The rows of one window with the champion's score (``_score``) and prediction (``_prediction``).

    ``classes`` are a classifier's labels in the model's order, empty for a regressor; ``probabilities``
    says whether the scores are probabilities.
    """

    dataset: DatasetRef
    model_version: int
    run_id: str
    start: str
    end: str
    labelled: int
    classes: tuple[Any, ...] = ()
    probabilities: bool = False
    validation: ValidationReport | None = None


@dataclass(frozen=True)
class ColumnDrift:
    """One column's window against the reference. ``effect``: Wasserstein/sd or Jensen–Shannon."""

    column: str
    kind: str
    effect: float
    p_value: float
    psi: float
    drifted: bool


@dataclass(frozen=True, kw_only=True)
class DriftReport(Record):
    """Drift of one window. ``verdict`` is ``stable``, ``drift`` or ``insufficient``.

    ``quality`` says in sentences what is wrong with the window without being drift.
    """

    start: str
    end: str
    model_version: int
    rows: int
    columns: tuple[ColumnDrift, ...]
    score: ColumnDrift | None
    drifted: tuple[str, ...]
    threshold: float
    verdict: str
    quality: tuple[str, ...] = ()


@dataclass(frozen=True)
class MissingLabels:
    """A window that lacks labels which should be there: ``labelled`` of its ``rows`` have one."""

    start: str
    end: str
    labelled: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class PerformanceReport(Record):
    """Realised quality of one window. ``verdict``: ``ok``, ``decay``, ``insufficient`` or ``waiting``.

    ``rows`` of its ``window_rows`` have a label. ``scored_at`` is the end of the window whose run had the
    labels first. What a run saw of others: how many earlier windows it ``also_scored``, those whose labels
    are ``overdue``, and ``label_faults``, sentences about labels that cannot be used.
    """

    start: str
    end: str
    model_version: int
    rows: int
    metrics: Mapping[str, float]
    checks: tuple[Check, ...]
    verdict: str
    window_rows: int = 0
    scored_at: str | None = None
    also_scored: int = 0
    overdue: tuple[MissingLabels, ...] = ()
    label_faults: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Triage(Record):
    """What is to be done about a window. ``action``: ``none``, ``retrain``, ``alert`` or ``block``."""

    start: str
    end: str
    model_version: int
    action: str
    causes: tuple[str, ...]
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
