"""The decide task: Airflow's own approval around the decide stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mlops.operators.approve import ApproveOperator
from airflow_mlops.operators.base import plain_input

if TYPE_CHECKING:
    from airflow.sdk import Context


class DecideOperator(ApproveOperator):
    """Asks people whether to register a model without enough evidence from the hold-out.

    Returns the record of the evaluation with their answer; an evaluation that does not ask is returned at
    once. After a rejection the tasks that follow are skipped.

    :param evaluation: the record of the evaluate task, usually its ``output``.
    """

    template_fields: Sequence[str] = ("evaluation",)
    stage: ClassVar[str] = "decide"
    key: ClassVar[str] = "evaluation"
    continues: ClassVar[str] = "evaluation"

    def __init__(self, *, evaluation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.evaluation = evaluation

    def records(self, context: Context) -> dict[str, Any]:
        """Return the record of the evaluation."""
        return {"evaluation": plain_input(self.evaluation)}
