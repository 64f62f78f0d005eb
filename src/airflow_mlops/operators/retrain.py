"""The event that starts a new training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_mlops.core.records import Triage
from airflow_mlops.hooks.errors import translated
from airflow_mlops.operators.resource_usage import measured

if TYPE_CHECKING:
    from airflow.sdk import Context


class RetrainOperator(BaseOperator):
    """Emits the asset event ``<pipeline>/retrain`` with its cause, or is skipped.

    :param triage: the record of the triage task, usually its ``output``.
    """

    template_fields: Sequence[str] = ("triage",)

    def __init__(self, *, triage: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.triage = triage

    def execute(self, context: Context) -> Mapping[str, Any]:
        """Return the cause that the event carries; raises AirflowSkipException when there is none."""
        with measured(context), translated():
            triage = Triage.from_json(self.triage)
        if triage.action != "retrain":
            raise AirflowSkipException(f"no retraining: {triage.action}: {triage.reason}")
        cause: dict[str, Any] = {
            "causes": list(triage.causes),
            "reason": triage.reason,
            "model_version": triage.model_version,
            "window": [triage.start, triage.end],
            "until": triage.end,
        }
        for asset in self.outlets:
            context["outlet_events"][asset].extra = cause
        return cause
