"""The restore task: the teardown of a deploy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from airflow_mlops.hooks.ports import airflow_ports
from airflow_mlops.lifecycle.table import find_task
from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.pipeline_source import part_of


class RestoreOperator(StageOperator):
    """Rolls back a rollout that has not ended when the run's other tasks have, and checks the traffic.

    See StageOperator for the other parameters.

    :param request: the record of the prepare task, usually its ``output``.
    """

    stage = "restore"
    takes: ClassVar[tuple[str, ...]] = ("request",)
    template_fields: Sequence[str] = (*takes, "options")

    def __init__(self, *, request: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request = request

    def restore(self, reason: str, folder: Path) -> None:
        """Roll back outside of a task of its own, for a task that is being killed and has no context.

        :param folder: folder of the DAG file.
        """
        from airflow_mlops.lifecycle.runner import StageRequest, run_stage

        row = find_task(self.stage)
        part = part_of(self.pipeline, row.sections if row else (), Path(self.base or folder))
        artifacts, ports = airflow_ports(self.mlflow_conn_id(folder))
        request = StageRequest(
            stage=self.stage,
            pipeline=part.config,
            task_key="",
            artifacts=artifacts,
            tracking_uri=ports.mlflow.uri,
            inputs={"request": self.request},
            options={"reason": reason},
        )
        run_stage(request, ports)
