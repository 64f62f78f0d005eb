"""What a pipeline is: its DAGs, schedule, sections and owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from airflow_mlops.config.models import Pipeline
from airflow_mlops.lifecycle.table import shapes
from airflow_mlops.views.view import View

_SECTIONS: Final = ("validate", "features", "approve", "deploy", "monitor")


@dataclass(frozen=True, kw_only=True)
class DagView(View):
    """One DAG of a pipeline: its id, kind (train, deploy or monitor), schedule and task ids."""

    dag_id: str
    kind: str
    schedule: tuple[str, ...]
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PipelineView(View):
    """A pipeline as its file describes it.

    ``sections`` are the optional ones that the file has, ``approvers`` the users who may approve.
    """

    name: str
    description: str
    owner: str
    team: str | None
    sections: tuple[str, ...]
    approvers: tuple[str, ...]
    dags: tuple[DagView, ...]

    @property
    def schedule(self) -> str:
        """When it trains, in words."""
        return " or ".join(self.dags[0].schedule) or "by hand"


def pipeline_view(pipeline: Pipeline) -> PipelineView:
    """Return the view of a checked configuration."""
    config = pipeline.effective()
    return PipelineView(
        name=pipeline.name,
        description=pipeline.description,
        owner=pipeline.owner,
        team=pipeline.team,
        sections=tuple(name for name in _SECTIONS if config.get(name)),
        approvers=pipeline.approve.by if pipeline.approve else (),
        dags=tuple(
            DagView(
                dag_id=shape.dag_id,
                kind=shape.kind,
                schedule=shape.schedule,
                tasks=shape.task_ids,
            )
            for shape in shapes(pipeline)
        ),
    )
