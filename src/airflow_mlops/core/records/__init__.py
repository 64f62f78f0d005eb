"""The small frozen JSON records that travel between tasks.

A record never holds a frame or a model, only where to find one and what was decided about it. Each
carries its ``kind`` and a ``version`` in JSON, so that a later release can still read an old one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_mlops.core.record import Record as Record
from airflow_mlops.core.records.answers import Answer as Answer
from airflow_mlops.core.records.budget import BudgetCheck as BudgetCheck
from airflow_mlops.core.records.data import DatasetRef as DatasetRef
from airflow_mlops.core.records.data import Failure as Failure
from airflow_mlops.core.records.data import FeatureSet as FeatureSet
from airflow_mlops.core.records.data import Quarantine as Quarantine
from airflow_mlops.core.records.data import RowTimes as RowTimes
from airflow_mlops.core.records.data import SplitRule as SplitRule
from airflow_mlops.core.records.data import ValidationReport as ValidationReport
from airflow_mlops.core.records.deployment import Approval as Approval
from airflow_mlops.core.records.deployment import ApprovalRequest as ApprovalRequest
from airflow_mlops.core.records.deployment import DeployRequest as DeployRequest
from airflow_mlops.core.records.deployment import RolloutResult as RolloutResult
from airflow_mlops.core.records.deployment import RolloutWait as RolloutWait
from airflow_mlops.core.records.deployment import TrafficCheck as TrafficCheck
from airflow_mlops.core.records.evaluation import Check as Check
from airflow_mlops.core.records.evaluation import Comparison as Comparison
from airflow_mlops.core.records.evaluation import Evaluation as Evaluation
from airflow_mlops.core.records.evaluation import ModelRef as ModelRef
from airflow_mlops.core.records.evaluation import SliceCheck as SliceCheck
from airflow_mlops.core.records.evaluation import SliceComparison as SliceComparison
from airflow_mlops.core.records.groups import GroupDifference as GroupDifference
from airflow_mlops.core.records.groups import GroupRate as GroupRate
from airflow_mlops.core.records.leaks import Leak as Leak
from airflow_mlops.core.records.leaks import LeakProbe as LeakProbe
from airflow_mlops.core.records.model_format import ModelFormat as ModelFormat
from airflow_mlops.core.records.monitoring import ColumnDrift as ColumnDrift
from airflow_mlops.core.records.monitoring import DriftReport as DriftReport
from airflow_mlops.core.records.monitoring import MissingLabels as MissingLabels
from airflow_mlops.core.records.monitoring import PerformanceReport as PerformanceReport
from airflow_mlops.core.records.monitoring import RetrainRequest as RetrainRequest
from airflow_mlops.core.records.monitoring import ScoredWindow as ScoredWindow
from airflow_mlops.core.records.monitoring import Triage as Triage
from airflow_mlops.core.records.preprocessing import Preprocessing as Preprocessing
from airflow_mlops.core.records.refit import Agreement as Agreement
from airflow_mlops.core.records.refit import Refit as Refit
from airflow_mlops.core.records.training import OwnResult as OwnResult
from airflow_mlops.core.records.training import RegisteredVersion as RegisteredVersion
from airflow_mlops.core.records.training import TuneResult as TuneResult


def summarize(found: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None) -> str:
    """Return a sentence about a record's JSON, or about those of mapped tasks; empty for anything else.

    >>> summarize({"kind": "something else"})
    ''
    """
    many = [] if found is None else [found] if isinstance(found, Mapping) else list(found)
    records = [Record.from_json(item) for item in many if Record.is_record(item)]
    return type(records[0]).summary_of_all(records) if records else ""
