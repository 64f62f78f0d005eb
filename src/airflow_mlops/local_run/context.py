"""What the tasks of one run share, and the only way from here to a stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.queries import inline_query_files
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from airflow_mlops.lifecycle.table import Task
from airflow_mlops.local_run.journal import Journal
from airflow_mlops.local_run.paths import Place
from airflow_mlops.local_run.reporter import Show
from airflow_mlops.local_run.selection import Choice
from airflow_mlops.local_run.signals import Interruption
from airflow_mlops.local_run.templates import rendered


@dataclass(frozen=True)
class TaskEnd:
    """How a task ended.

    ``state`` as in ``TaskLine``, the record as JSON (a list for mapped tasks), a sentence about it, and why
    it is a no, or waits for somebody.
    """

    state: str = "success"
    record: Any = None
    summary: str = ""
    why: str = ""


@dataclass
class Scene:
    """One run: what it is about, where it keeps things, what it has found out.

    ``yes`` answers an approval. ``dag_id`` and ``window``, the data interval, belong to the tasks that run
    now; ``results`` maps a task to its record.
    """

    choice: Choice
    place: Place
    journal: Journal
    show: Show
    interruption: Interruption
    yes: bool = False
    dag_id: str = ""
    window: tuple[datetime, datetime] | None = None
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline's configuration, templates as they are written."""
        return self.choice.pipeline

    @property
    def as_of(self) -> datetime:
        """The exclusive end of the data that this run sees."""
        return datetime.fromisoformat(self.journal.as_of)

    def stage(self, task: Task, *, options: Mapping[str, Any] | None = None, index: int = -1) -> Any:
        """Run the stage of a task in this process and return its record as JSON."""
        start, end = self.window or (self.as_of, self.as_of)
        config = rendered(
            inline_query_files(self.pipeline.effective(), self.choice.base),
            start=start,
            end=end,
            run_id=self.journal.run_id,
            where=str(self.choice.file),
        )
        request = StageRequest(
            stage=task.id,
            pipeline=config,
            task_key=f"{self.dag_id}/{self.journal.run_id}/{task.id}/{index}",
            artifacts=str(self.place.artifacts),
            tracking_uri=self.place.tracking_uri,
            base=str(self.choice.base),
            as_of=end.isoformat(),
            window_start=start.isoformat() if start < end else None,
            inputs={
                name: self.results[giver] for name, giver in task.inputs.items() if giver in self.results
            },
            options=options or {},
        )
        return dict(run_stage(request).record)
