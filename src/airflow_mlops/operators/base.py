"""What all stage operators share: they carry a request to the runner and return its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, conf

from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.queries import inline_query_files
from airflow_mlops.data.connections import found_by
from airflow_mlops.hooks.connections import AirflowConnections
from airflow_mlops.hooks.errors import translated
from airflow_mlops.hooks.mlflow import MlflowHook
from airflow_mlops.hooks.storage import connected
from airflow_mlops.operators.data_interval import as_of, window_start
from airflow_mlops.operators.links import MlflowRunLink
from airflow_mlops.operators.resource_usage import COST

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.lifecycle.runner import StageRequest, StageResult


class StageOperator(BaseOperator):
    """Runs one stage of a pipeline and returns its record as JSON.

    A subclass names the records of earlier stages that it ``takes``: parameters, usually another task's
    ``output``.

    :param pipeline: the configuration of the pipeline.
    :param options: further arguments of the stage, such as the number of a tuning worker.
    :param base: folder that relative paths of the configuration start from; that of the DAG file by default.
    """

    stage: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ()
    template_fields: Sequence[str] = ("options",)
    operator_extra_links = (MlflowRunLink(),)
    ui_color = "#e8f1fa"

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        options: Mapping[str, Any] | None = None,
        base: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("owner", pipeline.owner)
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.options = dict(options or {})
        self.base = base
        self.mlflow_run_url: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the stage; returns its record as JSON."""
        with translated(), found_by(AirflowConnections()):
            result = self.run(context)
            self.log.info("%s: %.1f s, %.1f CPU s", result.stage, result.seconds, result.cpu_seconds)
            self._push(context, result)
            return self.accept(dict(result.record), context)

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the record, or raise what it means for the DAG; the default accepts every record."""
        return record

    def run(self, context: Context) -> StageResult:
        """Run the stage in this process."""
        from airflow_mlops.lifecycle.runner import run_stage

        return run_stage(self.request(context))

    def request(self, context: Context) -> StageRequest:
        """Build the stage's request from the task's context."""
        from airflow_mlops.lifecycle.runner import StageRequest

        instance = context["ti"]
        moment, start = as_of(context), window_start(context)
        records = {name: getattr(self, name) for name in self.takes}
        base = Path(self.base or Path(context["dag"].fileloc).absolute().parent)
        return StageRequest(
            stage=self.stage,
            pipeline=self.render_template(inline_query_files(self.pipeline.effective(), base), context),
            task_key=f"{instance.dag_id}/{instance.run_id}/{instance.task_id}/{instance.map_index}",
            artifacts=artifacts_folder(),
            tracking_uri=MlflowHook(self.pipeline.mlflow_conn_id).tracking_uri(),
            base=str(base),
            as_of=moment.isoformat(),
            window_start=start.isoformat() if start else None,
            inputs={name: plain_input(record) for name, record in records.items() if record is not None},
            options=self.options,
        )

    def _push(self, context: Context, result: StageResult) -> None:
        cost = {"seconds": result.seconds, "cpu_seconds": result.cpu_seconds, "digest": result.digest}
        context["ti"].xcom_push(key=COST, value=cost)
        ui_url = MlflowHook(self.pipeline.mlflow_conn_id).ui_url()
        run_id = result.record.get("run_id")
        self.mlflow_run_url = f"{ui_url}/#/runs/{run_id}" if ui_url and run_id else None


def plain_input(value: Any) -> Any:
    """Turn what XCom delivers into plain JSON: a mapped task's records come as a lazy sequence.

    A slice asks for them in one go; Airflow logs an error when an iterator runs past the last one.
    """
    return value if isinstance(value, Mapping) else list(value[:])


def artifacts_folder() -> str:
    """Return ``[mlops] artifacts``: a local folder as an absolute path, a URI ready for fsspec."""
    found = str(conf.get("mlops", "artifacts"))
    return connected(found) if "://" in found else str(Path(found).expanduser().resolve())
