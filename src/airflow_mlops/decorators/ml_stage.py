"""``@task.ml_stage``: a user's own function as a stage of a pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory

from airflow_mlops.operators.base import StageOperator, plain_input
from airflow_mlops.operators.pipeline_source import PipelineSource

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.bases.decorator import TaskDecorator

    from airflow_mlops.lifecycle.runner import StageResult

_RUN: Final = "run"


class MlStageOperator(DecoratedOperator, StageOperator):
    """Runs a function as a stage and returns what it returned as a record; see ``ml_stage``."""

    stage = "own"
    template_fields: Sequence[str] = ("op_args", "op_kwargs")
    custom_operator_name = "@task.ml_stage"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        # Airflow asks for a value of every parameter; that of the run is there only when the task runs.
        asked = {_RUN: None} if _RUN in inspect.signature(python_callable).parameters else {}
        super().__init__(python_callable=python_callable, op_kwargs={**asked, **(op_kwargs or {})}, **kwargs)

    def run(self, context: Context, **options: Any) -> StageResult:
        """Call the function with the records of its arguments resolved.

        The stage has the name of the task.
        """
        from airflow_mlops.lifecycle.runner import run_function

        request, ports = self.stage_request(context, **options)

        given = {name: _plain(value) for name, value in self.op_kwargs.items()}
        positional = [_plain(value) for value in self.op_args]
        keywords = self.determine_kwargs({**context, **given})
        return run_function(
            replace(request, stage=self.task_id), self.python_callable, positional, keywords, ports
        )


def ml_stage(
    python_callable: Callable[..., Any] | None = None,
    *,
    pipeline: PipelineSource,
    base: str | Path | None = None,
    **kwargs: Any,
) -> TaskDecorator:
    """Make a function a stage of a pipeline; the same as ``@task.ml_stage``, with types for editors.

    A record of an earlier stage arrives as what it stands for: rows as a DataFrame, features as ``Frames``,
    a model as the model. A parameter that is annotated with a record's class gets the record, one named
    ``run`` the MLflow run. A DataFrame that is returned becomes a dataset's record, a mapping an
    OwnResult whose numbers are logged as metrics.

    :param pipeline: the configuration of the pipeline: a Pipeline, a mapping or the name of a pipeline file.
    :param base: folder that relative paths of the configuration start from; that of the DAG file by default.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=MlStageOperator,
        pipeline=pipeline,
        base=base,
        **kwargs,
    )


def _plain(value: Any) -> Any:
    """Turn the lazy sequence that a mapped task's records come as into a list."""
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes | tuple)
    return plain_input(value) if listed else value
