"""What the tasks of one run share, and the only way from here to a stage."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.queries import inline_query_files
from airflow_mlops.core.progress import Progress
from airflow_mlops.core.records import ApprovalRequest, FeatureSet
from airflow_mlops.data.connections import Connections
from airflow_mlops.lifecycle.ports import Ports
from airflow_mlops.lifecycle.runner import StageRequest, StageResult, run_stage
from airflow_mlops.lifecycle.table import Task
from airflow_mlops.local_run.journal import Journal
from airflow_mlops.local_run.local_canary import LocalRollouts
from airflow_mlops.local_run.paths import RunPaths
from airflow_mlops.local_run.replay import hold_out_rows
from airflow_mlops.local_run.reporter import Reporter
from airflow_mlops.local_run.selection import Selection
from airflow_mlops.local_run.signals import Signals
from airflow_mlops.local_run.templates import rendered
from airflow_mlops.storage.locations import PLAIN_STORAGE
from airflow_mlops.training.mlflow_access import Mlflow


@dataclass(kw_only=True)
class RunContext:
    """One run: its pipeline, where it stores things, and what its tasks returned.

    ``yes`` approves without a question. ``dag_id`` and ``window``, the data interval, belong to the tasks
    that run now; ``results`` maps a task to its record, ``skipped`` one that had nothing to do to the reason.
    ``waits_for`` is the request that nobody has answered.
    """

    selection: Selection
    paths: RunPaths
    journal: Journal
    reporter: Reporter
    signals: Signals
    connections: Connections
    rollouts: LocalRollouts
    yes: bool = False
    dag_id: str = ""
    window: tuple[datetime, datetime] | None = None
    results: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    waits_for: ApprovalRequest | None = None

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline's configuration, templates as they are written."""
        return self.selection.pipeline

    @property
    def as_of(self) -> datetime:
        """The exclusive end of the data that this run sees."""
        return datetime.fromisoformat(self.journal.as_of)

    @property
    def user(self) -> str:
        """The person at this machine, by the name of the operating system."""
        return getpass.getuser()

    def callers(self) -> tuple[list[dict[str, Any]], list[Any]]:
        """Return the rows that are sent to a canary, and the label of each: the hold-out of this run."""
        return hold_out_rows(FeatureSet.from_json(self.results["features"]), self.pipeline.data.target)

    def stage(
        self, task: Task, progress: Progress, *, options: Mapping[str, Any] | None = None, index: int = -1
    ) -> StageResult:
        """Run the stage of a task in this process."""
        start, end = self.window or (self.as_of, self.as_of)
        config = self.pipeline.effective()
        part = {key: config[key] for key in ("name", *task.sections)}
        givers = {**task.inputs, **task.reads}
        request = StageRequest(
            stage=task.row_id,
            pipeline=rendered(
                inline_query_files(part, self.selection.base),
                start=start,
                end=end,
                run_id=self.journal.run_id,
                where=str(self.selection.file),
            ),
            task_key=f"{self.dag_id}/{self.journal.run_id}/{task.id}/{index}",
            artifacts=str(self.paths.artifacts),
            tracking_uri=self.paths.tracking_uri,
            base=str(self.selection.base),
            as_of=end.isoformat(),
            window_start=start.isoformat() if start < end else None,
            user=self.user,
            inputs={name: self.results[giver] for name, giver in givers.items() if giver in self.results},
            options=options or {},
        )
        return run_stage(request, self._ports(progress))

    def _ports(self, progress: Progress) -> Ports:
        return Ports(
            connections=self.connections,
            storage=PLAIN_STORAGE,
            mlflow=Mlflow(self.paths.tracking_uri),
            rollouts=self.rollouts,
            progress=progress,
        )
