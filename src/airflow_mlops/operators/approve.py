"""The approve task: Airflow's own approval around the approve stage."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import TaskAwaitingInput

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.record import Record
from airflow_mlops.core.records import ApprovalRequest
from airflow_mlops.core.records.answers import NOBODY
from airflow_mlops.hooks.errors import translated
from airflow_mlops.hooks.users import known_users
from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.pipeline_source import PipelineSource

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVAL: Final = "approval"
_ANSWERED: Final = "answered"
_FIRST_REQUEST: Final = "first_request"
_SHORTEST: Final = timedelta(seconds=1)
_LOG = logging.getLogger(__name__)


class ApproveOperator(ApprovalOperator):  # type: ignore[misc]  # the provider has no types
    """Asks people for approval with the evidence, and keeps the answer; rollbacks skip it.

    The answer is readable after a rejection too: XCom ``approval`` holds who answered what and when. With
    ``approve.needs`` each further task of this class downstream asks a further person, and the last one asks
    until there are enough. An answer that does not count is refused in the log, and the task asks again.

    :param pipeline: the configuration of the pipeline, see StageOperator; its ``approve`` section says who
        may answer, by when, and what happens when nobody does.
    :param request: the record of the prepare task; by default that of the task ``prepare`` of the same run.
    :param base: folder that relative paths start from; that of the DAG file by default.
    """

    template_fields: Sequence[str] = ()
    stage: ClassVar[str] = "approve"
    key: ClassVar[str] = APPROVAL
    continues: ClassVar[str] = "before"
    """The input that takes what earlier people have answered."""

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

        A retry acts on the answer that an earlier try had. Raises AirflowSkipException for a rollback.
        """
        kept: Any = context["task_state_store"].get(_ANSWERED)
        if kept and kept["max_tries"] == context["ti"].max_tries:
            _LOG.info(
                "an earlier try has the answer: %s by %s", kept["answer"]["chosen"], kept["answer"]["by"]
            )
            return self._act(context, kept["answer"], kept["before"], kept["deadline"])
        with translated():
            asked = self._run(context, None)
            if not isinstance(asked, ApprovalRequest):
                return asked.to_json()
            self._check_first(context, asked)
        self._ask(context, asked)

    def execute_complete(
        self,
        context: Context,
        event: Mapping[str, Any],
        before: Mapping[str, Any] | None = None,
        deadline: str = "",
    ) -> Any:
        """Keep the answer and act on it; returns the Approval as JSON.

        ``before`` is what this task has kept of earlier answers, ``deadline`` the end of the time to answer.
        """
        user = event.get("responded_by_user") or {}
        answer = {
            "chosen": (event.get("chosen_options") or [self.REJECT])[0],
            "by": user.get("name") or user.get("id") or NOBODY,
            "at": str(event.get("responded_at") or ""),
            "user": str(user.get("id") or ""),
        }
        # A clear changes max_tries, a retry does not: only after a clear are people asked again.
        kept: dict[str, Any] = {
            "answer": answer,
            "before": before,
            "deadline": deadline,
            "max_tries": context["ti"].max_tries,
        }
        context["task_state_store"].set(_ANSWERED, kept)
        return self._act(context, answer, before, deadline)

    def _act(
        self, context: Context, answer: Mapping[str, str], before: Mapping[str, Any] | None, deadline: str
    ) -> Any:
        """Keep an answer with the stage, and end or ask again."""
        with translated():
            found = self._run(context, before, answer=answer, others=self._others(context))
        until = datetime.fromisoformat(deadline) if deadline else None
        if isinstance(found, ApprovalRequest):
            _LOG.warning("the answer does not count: %s; asking again", found.refused)
            self._ask(context, found, before, until)
        record = found.to_json()
        if getattr(found, "unfinished", False) and not self._same_stage(upstream=False):
            _LOG.info("%s; asking for a further answer", found.summary)
            with translated():
                asked = self._run(context, record)
            if isinstance(asked, ApprovalRequest):
                self._ask(context, asked, record, until)
        context["ti"].xcom_push(key=self.key, value=record)
        super().execute_complete(context, _event(answer))
        return record

    def records(self, context: Context) -> dict[str, Any]:
        """Return the input records of the stage."""
        found = {"request": self.request or context["ti"].xcom_pull(task_ids="prepare")}
        if earlier := self._same_stage(upstream=True):
            found["before"] = context["ti"].xcom_pull(task_ids=earlier[-1], key=self.key)
        return found

    def _run(self, context: Context, before: Mapping[str, Any] | None, **options: Any) -> Record:
        inputs = self.records(context) | ({self.continues: before} if before else {})
        stage = StageOperator(
            task_id=self.task_id, stage=self.stage, pipeline=self.pipeline, base=self.base, inputs=inputs
        )
        return Record.from_json(stage.run(context, users=known_users(), **options).record)

    def _ask(
        self,
        context: Context,
        asked: ApprovalRequest,
        before: Mapping[str, Any] | None = None,
        until: datetime | None = None,
    ) -> None:
        """Ask until a time, and wait; always raises TaskAwaitingInput."""
        until = until or datetime.now(UTC) + timedelta(seconds=asked.within_s)
        self.subject, self.body = asked.subject, asked.body
        self.assigned_users = [{"id": user, "name": user} for user in asked.by]
        self.defaults = [asked.on_timeout]
        self.response_timeout = max(until - datetime.now(UTC), _SHORTEST)
        context["task_state_store"].delete(_ANSWERED)
        try:
            super().execute(context)
        except TaskAwaitingInput as parked:
            kept = {"deadline": until.isoformat(), **({"before": dict(before)} if before else {})}
            parked.kwargs = kept
            raise

    def _check_first(self, context: Context, asked: ApprovalRequest) -> None:
        """Raise ConfigError when Airflow would show another request than this one.

        It keeps the first request of a task in a run: a task that is cleared shows its text, and lets its
        people answer, whatever has changed since.
        """
        found = hashlib.sha256(
            repr((asked.subject, asked.body, asked.by, asked.on_timeout)).encode()
        ).hexdigest()
        store = context["task_state_store"]
        first = store.get(_FIRST_REQUEST)
        if first is None:
            store.set(_FIRST_REQUEST, found)
        elif first != found:
            dag_id = context["ti"].dag_id
            raise ConfigError(
                f"task {self.task_id} cannot ask again in this run: what it asks, or whom, has changed, and "
                f"Airflow keeps showing its first request; start a new run: airflow dags trigger {dag_id}"
            )

    def _others(self, context: Context) -> list[dict[str, Any]]:
        """Return the answers to later requests of this run: those people cannot answer this one as well."""
        later = self._same_stage(upstream=False)
        if not later:
            return []
        instance = context["ti"]
        states = instance.get_task_states(
            dag_id=instance.dag_id, task_ids=list(later), run_ids=[instance.run_id]
        )
        done = [task for task in later if states.get(instance.run_id, {}).get(task) == "success"]
        records = [instance.xcom_pull(task_ids=task, key=self.key) or {} for task in done]
        answers = (record.get("answers") or record.get("approvals") or () for record in records)
        return [answer for found in answers for answer in found[-1:]]

    def _same_stage(self, *, upstream: bool) -> tuple[str, ...]:
        """Return the tasks before or after this one that ask the same, in their order."""
        found = [
            task
            for task in self.get_flat_relatives(upstream=upstream)
            if isinstance(task, ApproveOperator) and task.stage == self.stage
        ]
        return tuple(
            task.task_id
            for task in sorted(found, key=lambda task: len(task.get_flat_relative_ids(upstream=True)))
        )


def _event(answer: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer as Airflow gives it to its own operator."""
    user = {"id": answer["user"], "name": answer["by"]} if answer["user"] else None
    at = datetime.fromisoformat(answer["at"]) if answer["at"] else datetime.now(UTC)
    return {
        "chosen_options": [answer["chosen"]],
        "params_input": {},
        "responded_at": at,
        "responded_by_user": user,
    }
