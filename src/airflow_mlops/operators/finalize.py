"""The finalize task: the last word on a deploy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.core.records.answers import APPROVE
from airflow_mlops.lifecycle.table import find_task
from airflow_mlops.operators.approve import APPROVAL, ApproveOperator
from airflow_mlops.operators.base import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.lifecycle.ports import Ports
    from airflow_mlops.lifecycle.runner import StageRequest


class FinalizeOperator(StageOperator):
    """Ends a deploy run in the state that its rollout ended in; see StageOperator for the other parameters.

    Promoted: success, and the asset event ``<pipeline>/champion``. Rolled back or in conflict: failed, with
    the reason. Rejected by a person or superseded by a newer version: skipped. The answer to the approval and
    the result of the rollout are those of the tasks ``approve`` and ``rollout`` of the same run.

    :param request: the record of the prepare task, usually its ``output``.
    """

    stage = "finalize"
    takes: ClassVar[tuple[str, ...]] = ("request",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, request: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request = request

    def records(self, context: Context) -> dict[str, Any]:
        """Return the request, and the records of the tasks that got as far as one."""
        instance, row = context["ti"], find_task(self.stage)
        reads = dict(row.reads) if row else {}
        found = {
            "approval": self._approval(context, reads["approval"]),
            "rollout": instance.xcom_pull(task_ids=reads["rollout"]),
        }
        return super().records(context) | {name: record for name, record in found.items() if record}

    def _approval(self, context: Context, task_id: str) -> Any:
        """Return the approval of the run: the first rejection, else what the last of several tasks kept."""
        upstream = [task for task in self.get_flat_relatives(upstream=True) if _asks(task)]
        upstream.sort(key=lambda task: len(task.get_flat_relative_ids(upstream=True)))
        ids = dict.fromkeys([task_id, *(task.task_id for task in upstream)])
        pull = context["ti"].xcom_pull
        found = [record for id_ in ids if (record := pull(task_ids=id_, key=APPROVAL))]
        rejected = [record for record in found if record.get("chosen") != APPROVE]
        return next(iter(rejected or found[-1:]), None)

    def stage_request(self, context: Context, **options: Any) -> tuple[StageRequest, Ports]:
        """Add the state of task prepare: a run without a request was meant to do nothing, or has failed."""
        if self.request is not None:
            return super().stage_request(context, **options)
        instance = context["ti"]
        states = instance.get_task_states(
            dag_id=instance.dag_id, task_ids=["prepare"], run_ids=[instance.run_id]
        )
        prepare = states.get(instance.run_id, {}).get("prepare")
        return super().stage_request(context, prepare=prepare, **options)


def _asks(task: Any) -> bool:
    """Whether a task asks for the approval of a deploy."""
    return isinstance(task, ApproveOperator) and task.stage == ApproveOperator.stage
