"""What all stage operators share: they carry a request to the runner and return its record."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.definitions.param import ParamsDict

from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.queries import inline_query_files
from airflow_mlops.config.templates import filled, has_template
from airflow_mlops.core.errors import ConfigError, GateRejected
from airflow_mlops.hooks.errors import translated, wrong_template
from airflow_mlops.hooks.mlflow import MlflowHook
from airflow_mlops.hooks.ports import airflow_ports
from airflow_mlops.lifecycle.table import find_task
from airflow_mlops.operators.data_interval import as_of, window_start, with_times
from airflow_mlops.operators.links import MlflowRunLink
from airflow_mlops.operators.pipeline_source import PipelineSource, part_of
from airflow_mlops.operators.resource_usage import push_resource_usage

if TYPE_CHECKING:
    from airflow.sdk import Context
    from jinja2 import Environment

    from airflow_mlops.lifecycle.ports import Ports
    from airflow_mlops.lifecycle.runner import StageRequest, StageResult

_LOG = logging.getLogger(__name__)


class StageOperator(BaseOperator):
    """Runs one stage of a pipeline and returns its record as JSON.

    A subclass names its ``stage`` and the records of earlier tasks that it ``takes`` as parameters, usually
    another task's ``output``. A stage without an operator of its own is run by this class:
    ``StageOperator(task_id="audit", stage="audit", pipeline="churn.yaml", inputs={"model": train.output})``.

    :param pipeline: the configuration: a Pipeline, a mapping with at least the sections that the stage reads,
        or the name of a pipeline file, which is read when the task runs.
    :param options: further arguments of the stage, such as the number of a tuning worker.
    :param base: folder that relative paths start from; that of the DAG file by default.
    :param stage: the stage, where the class does not name one.
    :param inputs: records of earlier tasks by the name of the input, where the class has no parameter for it.
    """

    stage: str = ""
    takes: ClassVar[tuple[str, ...]] = ()
    template_fields: Sequence[str] = ("inputs", "options")
    operator_extra_links: tuple[BaseOperatorLink, ...] = (MlflowRunLink(),)

    def __init__(
        self,
        *,
        pipeline: PipelineSource | None = None,
        options: Mapping[str, Any] | None = None,
        base: str | Path | None = None,
        stage: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(pipeline, Pipeline):
            kwargs.setdefault("owner", pipeline.owner)
        super().__init__(**kwargs)
        self.params = _own_params(self.params)
        self.pipeline = pipeline
        self.options = dict(options) if options else None
        self.base = base
        self.stage = stage or type(self).stage
        self.inputs = dict(inputs or {})
        self.mlflow_run_url: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the stage; returns its record as JSON."""
        with translated():
            result = self.run(context)
            self.after(context, result)
            return self.accept(dict(result.record), context)

    def run(self, context: Context, **options: Any) -> StageResult:
        """Run the stage in this process, with further options."""
        from airflow_mlops.lifecycle.runner import run_stage

        request, ports = self.stage_request(context, **options)
        return run_stage(request, ports)

    def stage_request(self, context: Context, **options: Any) -> tuple[StageRequest, Ports]:
        """Return the stage's request, made from the task's context, and its ports."""
        from airflow_mlops.lifecycle.runner import StageRequest

        instance, row = context["ti"], find_task(self.stage)
        base = self._base(context)
        part = part_of(self.pipeline, row.sections if row else None, base)
        artifacts, ports = airflow_ports(self.mlflow_conn_id(base))
        start = window_start(context, of_interval=row is None or row.dag != "train")
        request = StageRequest(
            stage=self.stage,
            pipeline=self._rendered(inline_query_files(part.config, part.base), context),
            task_key=f"{instance.dag_id}/{instance.run_id}/{instance.task_id}/{instance.map_index}",
            artifacts=artifacts,
            tracking_uri=ports.mlflow.uri,
            base=str(part.base),
            as_of=as_of(context).isoformat(),
            window_start=start.isoformat() if start else None,
            user=user_of(context),
            inputs=self.records(context),
            options={**(self.options or {}), **options},
        )
        return request, ports

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """Fill in the templates of the task's own arguments; a wrong one fails the task without a retry."""
        with translated(), wrong_template(f"task {self.task_id}"):
            super().render_template_fields(with_times(context), jinja_env)

    def _rendered(self, config: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Return a configuration with its templates filled in; raises ConfigError for one that cannot be."""
        if not has_template(config):
            return dict(config)
        known, environment = with_times(context), self.get_template_env()

        def render(text: str, path: str) -> Any:
            with wrong_template(f"{path}: {text!r:.200}"):
                return self.render_template(text, known, environment)

        return filled(config, render)

    def records(self, context: Context) -> dict[str, Any]:
        """Return the input records as JSON, without those that do not exist."""
        given = {**self.inputs, **{name: getattr(self, name) for name in self.takes}}
        found = {name: plain_input(record) for name, record in given.items() if record not in (None, "")}
        return {name: record for name, record in found.items() if record is not None}

    def accept(self, record: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return the record; describes it on the task's asset events."""
        row = find_task(self.stage)
        event = {key: record[name] for key, name in row.event.items()} if row else {}
        for asset in self.outlets if event else ():
            context["outlet_events"][asset].extra = event
        return record

    def after(self, context: Context, result: StageResult) -> None:
        """Keep what a finished stage used and where its MLflow run is.

        Raises GateRejected for a rejection.
        """
        push_resource_usage(context, result)
        self.mlflow_run_url = self._run_url(context, result)
        if result.rejection:
            kind = str(result.record["kind"])
            context["ti"].xcom_push(key=kind[:1].lower() + kind[1:], value=dict(result.record))
            raise GateRejected(result.rejection)

    def _run_url(self, context: Context, result: StageResult) -> str | None:
        """Return the address of the stage's MLflow run; a link is not worth failing a finished stage for."""
        run_id = result.record.get("run_id")
        ui_url = self.mlflow_ui_url(context) if run_id else None
        return f"{ui_url}/#/runs/{run_id}" if ui_url else None

    def mlflow_ui_url(self, context: Context) -> str | None:
        """Return the address of MLflow's pages, None when it is not known."""
        try:
            return MlflowHook(self.mlflow_conn_id(self._base(context))).ui_url()
        except Exception:  # noqa: BLE001 - whatever it is, the stage has finished
            _LOG.warning("the address of the MLflow run is not known", exc_info=True)
            return None

    def _base(self, context: Context) -> Path:
        return Path(self.base or Path(context["dag"].fileloc).absolute().parent)

    def mlflow_conn_id(self, folder: Path) -> str:
        """Return the Airflow connection of MLflow that the pipeline names; ``folder`` is the DAG file's."""
        config = part_of(self.pipeline, ("mlflow_conn_id",), folder).config
        return str(config.get("mlflow_conn_id") or MlflowHook.default_conn_name)


def plain_input(value: Any) -> Any:
    """Turn what XCom or a template delivers into plain JSON.

    A mapped task's records come as a lazy sequence: a slice asks for them in one go, since Airflow logs an
    error when an iterator runs past the last one. A template that is rendered to text, as Airflow does by
    default, holds the record as Python or JSON writes it. Raises ConfigError for any other text.

    >>> plain_input("{'kind': 'DatasetRef', 'start': None}")
    {'kind': 'DatasetRef', 'start': None}
    """
    if isinstance(value, str):
        return _parsed(value)
    return value if isinstance(value, Mapping) else list(value[:])


def _parsed(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    raise ConfigError(f"an input must be the record of a task, such as its `output`, got {text!r:.80}")


def user_of(context: Context) -> str:
    """Return the user who triggered a run, empty when nobody did."""
    return str(getattr(context["dag_run"], "triggering_user_name", None) or "")


def _own_params(params: ParamsDict | dict[str, Any]) -> ParamsDict | dict[str, Any]:
    """Return a task's params without those of its DAG, which Airflow stores there and merges at run time."""
    if not isinstance(params, ParamsDict):
        return params
    found = {name: params.get_param(name) for name in params}
    return ParamsDict({name: param for name, param in found.items() if param.source != "dag"})
