"""The approve task: Airflow's own approval around the approve stage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_mlops.config.models import Pipeline
from airflow_mlops.hooks.errors import translated
from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.pipeline_source import PipelineSource

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.lifecycle.runner import StageResult

APPROVAL: Final = "approval"


class ApproveOperator(ApprovalOperator):  # type: ignore[misc]  # the provider has no types
    """Asks people for approval with the evidence, and keeps the answer; rollbacks skip it.

    The answer is readable after a rejection too: XCom ``approval`` holds who answered what and when.

    :param pipeline: the configuration of the pipeline, see StageOperator; its ``approve`` section says who
        may answer, by when, and what happens when nobody does.
    :param request: the record of the prepare task; by default that of the task ``prepare`` of the same run.
    :param base: folder that relative paths start from; that of the DAG file by default.
    """

    template_fields = ()

    def __init__(
        self,
        *,
        pipeline: PipelineSource,
        request: Any = None,
        base: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        # What is asked, of whom and until when is known when the task runs.
        super().__init__(subject="Deploy?", **kwargs)
        if isinstance(pipeline, Pipeline) and pipeline.approve is None:
            raise ValueError(f"pipeline {pipeline.name} must have an `approve` section")
        self.pipeline = pipeline
        self.request = request
        self.base = base

    def execute(self, context: Context) -> None:
        """Ask, and wait without a worker; raises AirflowSkipException for a rollback."""
        with translated():
            asked = self._run(context).record
        self.subject, self.body = asked["subject"], asked["body"]
        self.assigned_users = [{"id": user, "name": user} for user in asked["by"]]
        self.defaults = [asked["on_timeout"]]
        self.response_timeout = timedelta(seconds=asked["within_s"])
        super().execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Keep the answer and act on it; returns the Approval as JSON."""
        user = event.get("responded_by_user") or {}
        answer = {
            "chosen": (event.get("chosen_options") or [self.REJECT])[0],
            "by": user.get("name") or user.get("id") or "nobody (timed out)",
            "at": str(event.get("responded_at") or ""),
        }
        with translated():
            approval = dict(self._run(context, answer=answer).record)
        context["ti"].xcom_push(key=APPROVAL, value=approval)
        super().execute_complete(context, dict(event))
        return approval

    def _run(self, context: Context, **options: Any) -> StageResult:
        request = self.request or context["ti"].xcom_pull(task_ids="prepare")
        stage = StageOperator(
            task_id=self.task_id,
            stage="approve",
            pipeline=self.pipeline,
            base=self.base,
            inputs={"request": request},
        )
        return stage.run(context, **options)
