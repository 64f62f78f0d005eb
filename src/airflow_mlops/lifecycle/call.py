"""The typed view of a request that a stage works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class StageCall:
    """One call of a stage; see ``runner.StageRequest`` for the fields."""

    stage: str
    pipeline: Pipeline
    task_key: str
    artifacts: str
    tracking_uri: str
    base: Path
    as_of: datetime | None
    window_start: datetime | None
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> StageCall:
        """Build a call from a request as JSON values."""
        times = {
            key: datetime.fromisoformat(request[key]) if request[key] else None
            for key in ("as_of", "window_start")
        }
        typed = {"pipeline": Pipeline.model_validate(request["pipeline"]), "base": Path(request["base"])}
        return cls(**{**request, **times, **typed})

    def input(self, name: str, kind: type[R]) -> R:
        """Return the input record ``name``; raises ConfigError when it is missing or of another kind."""
        if name not in self.inputs:
            raise ConfigError(f"stage {self.stage} needs the input {name!r}")
        return kind.from_json(self.inputs[name])

    def optional(self, name: str, kind: type[R]) -> R | None:
        """Return the input record ``name``, or None when there is none."""
        return kind.from_json(self.inputs[name]) if self.inputs.get(name) else None

    def inputs_of(self, name: str, kind: type[R]) -> tuple[R, ...]:
        """Return all records of the input ``name``, which mapped tasks deliver as a list."""
        return tuple(kind.from_json(item) for item in self.inputs.get(name) or ())
