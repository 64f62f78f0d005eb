"""The tune stage."""

from __future__ import annotations

from typing import ClassVar

from airflow_mlops.operators.base import StageOperator


class TuneOperator(StageOperator):
    """Searches parameters; one mapped task is one worker; see StageOperator for the parameters."""

    stage: ClassVar[str] = "tune"
