"""The triage stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class TriageOperator(StageOperator):
    """Decides what a window's findings ask for; see StageOperator for the parameters."""

    stage: ClassVar[str] = "triage"
