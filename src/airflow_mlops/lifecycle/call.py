"""One call of a stage: its request in types, and the ports to the world outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import ConfigDict, create_model

from airflow_mlops.config.models import Pipeline, Section
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.progress import Progress
from airflow_mlops.core.records import DatasetRef, Record
from airflow_mlops.data.connections import Connections
from airflow_mlops.lifecycle.ports import Clock, Ports
from airflow_mlops.rollout.access import Rollouts
from airflow_mlops.storage.locations import Storage
from airflow_mlops.training.mlflow_access import Mlflow

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.training.registry import Registry

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class StageCall:
    """One call of a stage; see ``runner.StageRequest`` for its fields.

    ``pipeline`` has ``name`` and the sections that the task's row names; another one is an AttributeError,
    never a silent default.
    """

    stage: str
    pipeline: Pipeline
    task_key: str
    artifacts: str
    base: Path
    as_of: datetime | None
    window_start: datetime | None
    user: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    ports: Ports

    @classmethod
    def from_request(cls, request: Mapping[str, Any], ports: Ports, sections: Sequence[str]) -> StageCall:
        """Build a call from a request as JSON values; ``sections`` are those that the stage may read."""
        fields = {key: value for key, value in request.items() if key != "tracking_uri"}
        times = {
            key: datetime.fromisoformat(request[key]) if request[key] else None
            for key in ("as_of", "window_start")
        }
        pipeline = partial_pipeline(request["pipeline"], sections)
        return cls(**{**fields, **times, "pipeline": pipeline, "base": Path(request["base"]), "ports": ports})

    @property
    def connections(self) -> Connections:
        """Where connections are found."""
        return self.ports.connections

    @property
    def storage(self) -> Storage:
        """Where files are opened."""
        return self.ports.storage

    @property
    def mlflow(self) -> Mlflow:
        """MLflow with its credentials."""
        return self.ports.mlflow

    @property
    def rollouts(self) -> Rollouts:
        """The rollouts and their targets."""
        return self.ports.rollouts

    @property
    def progress(self) -> Progress:
        """Who hears how far the work is."""
        return self.ports.progress

    @property
    def clock(self) -> Clock:
        """The time now."""
        return self.ports.clock

    @property
    def registry(self) -> Registry:
        """The registered model of the pipeline."""
        return self.mlflow.registry(self.pipeline.name)

    @property
    def quotes_cells(self) -> bool:
        """Whether records and messages may quote cells: not with ``validate.samples: none``."""
        section = self.pipeline.validate_
        return section is None or section.quotes_cells

    @property
    def data_folder(self) -> str:
        """Where the pipeline's datasets are stored."""
        return f"{self.artifacts.rstrip('/')}/{self.pipeline.name}/data"

    @property
    def quarantine_folder(self) -> str:
        """Where rows that were taken out are stored."""
        return f"{self.artifacts.rstrip('/')}/{self.pipeline.name}/quarantine"

    def read(self, ref: DatasetRef, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read a dataset; raises BackendError when storage does not answer."""
        from airflow_mlops.data.datasets import read_dataset

        return read_dataset(ref, columns, self.storage)

    def write(self, frame: pd.DataFrame, folder: str = "", **interval: datetime | None) -> DatasetRef:
        """Write a dataset to ``folder``, by default ``data_folder``.

        ``start`` and ``end`` are its interval.
        """
        from airflow_mlops.data.datasets import write_dataset

        return write_dataset(frame, folder or self.data_folder, storage=self.storage, **interval)

    def input(self, name: str, kind: type[R]) -> R:
        """Return the input record ``name``; raises ConfigError when it is missing or of another kind."""
        if not self.inputs.get(name):
            raise ConfigError(f"stage {self.stage} needs the input {name!r}")
        return kind.from_json(self.inputs[name])

    def optional(self, name: str, kind: type[R]) -> R | None:
        """Return the input record ``name``, or None when there is none."""
        return kind.from_json(self.inputs[name]) if self.inputs.get(name) else None

    def inputs_of(self, name: str, kind: type[R]) -> tuple[R, ...]:
        """Return all records of the input ``name``, which mapped tasks deliver as a list."""
        return tuple(kind.from_json(item) for item in self.inputs.get(name) or ())


def partial_pipeline(config: Mapping[str, Any], sections: Sequence[str]) -> Pipeline:
    """Return the named sections of a configuration, checked as those of a whole file are.

    Raises ConfigError for a section that is missing or faulty.
    """
    keys = ("name", *sections)
    found = _model(keys)(**{key: config[key] for key in keys if key in config})
    return cast(Pipeline, found)


def given_sections(
    config: Mapping[str, Any], sections: Sequence[str], needed: Sequence[str]
) -> tuple[str, ...]:
    """Return the sections that a stage may read: without those that a file must have and ``config`` has not.

    Those in ``needed`` stay, so that one that is missing is reported.
    """
    required = {field.alias or name for name, field in Pipeline.model_fields.items() if field.is_required()}
    return tuple(key for key in sections if key in needed or key in config or key not in required)


class _Part(Section):
    """A part of a pipeline's configuration."""

    model_config = ConfigDict(populate_by_name=True)

    def effective(self) -> dict[str, Any]:
        """Return the part, defaults included, as JSON values under the file's own keys."""
        return self.model_dump(mode="json", by_alias=True)


@cache
def _model(keys: tuple[str, ...]) -> type[_Part]:
    fields = {
        name: (field.annotation, field)
        for name, field in Pipeline.model_fields.items()
        if (field.alias or name) in keys
    }
    return create_model("Pipeline", __base__=_Part, **cast(Any, fields))
