"""The approve task: Airflow's own approval around the approve stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.records import ApprovalRequest
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

    template_fields: Sequence[str] = ()
    stage: ClassVar[str] = "approve"
    key: ClassVar[str] = APPROVAL

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

    def execute(self, context: Context) -> Any:
        """Ask, and wait without a worker; a record that is not a request is returned.

        Raises AirflowSkipException for a rollback.
        """
        with translated():
            asked = self._run(context).record
        if asked["kind"] != ApprovalRequest.__name__:
            return dict(asked)
        self.subject, self.body = asked["subject"], asked["body"]
        self.assigned_users = [{"id": user, "name": user} for user in asked["by"]]
        self.defaults = [asked["on_timeout"]]
        self.response_timeout = timedelta(seconds=asked["within_s"])
        return super().execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Keep the answer and act on it; returns the Approval as JSON."""
        user = event.get("responded_by_user") or {}
        answer = {
            "chosen": (event.get("chosen_options") or [self.REJECT])[0],
            "by": user.get("name") or user.get("id") or "nobody (timed out)",
            "at": str(event.get("responded_at") or ""),
        }
        with translated():
            found = dict(self._run(context, answer=answer).record)
        context["ti"].xcom_push(key=self.key, value=found)
        super().execute_complete(context, dict(event))
        return found

    def records(self, context: Context) -> dict[str, Any]:
        """Return the input records of the stage."""
        return {"request": self.request or context["ti"].xcom_pull(task_ids="prepare")}

    def _run(self, context: Context, **options: Any) -> StageResult:
        stage = StageOperator(
            task_id=self.task_id,
            stage=self.stage,
            pipeline=self.pipeline,
            base=self.base,
            inputs=self.records(context),
        )
        return stage.run(context, **options)
