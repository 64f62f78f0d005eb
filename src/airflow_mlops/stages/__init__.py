"""One module per stage: each composes backends and core decisions into one record.

A stage module has one public function, ``run(call: StageCall) -> Record``. The table names modules
without importing them: nothing heavy is loaded before a stage runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES = (
    "ingest", "validate", "features", "tune", "train", "evaluate", "register",
    "observe", "drift", "performance", "triage",
)  # fmt: skip

STAGES: Final[Mapping[str, str]] = {name: f"airflow_mlops.stages.{name}" for name in _NAMES}
