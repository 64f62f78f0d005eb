"""A user's own tasks before and after the training, by the dotted path of an operator."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Final

from airflow_mlops.config.models import OwnTask
from airflow_mlops.config.values import parse_duration
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.user_code.loading import load_object

DURATIONS: Final = ("execution_timeout", "retry_delay", "max_retry_delay")
"""Arguments of every operator that are durations: a file has them as text, such as ``30m``."""


def own_operator(task: OwnTask, base: Any) -> Any:
    """Return the operator of a user's own task; modules beside the pipeline file count.

    Raises ConfigError when it cannot be imported or is not an operator.
    """
    from airflow.sdk import BaseOperator

    found = load_object(task.operator, Path(base or "."))
    if not (inspect.isclass(found) and issubclass(found, BaseOperator)):
        raise ConfigError(
            f"{task.operator} is not an operator: write the path of a class derived from BaseOperator"
        )
    return found


def own_task_arguments(task: OwnTask) -> dict[str, Any]:
    """Return the arguments of a user's own operator, with durations as timedeltas.

    Raises ConfigError for a duration that cannot be read.
    """
    arguments = {"task_id": task.id, **task.args}
    for name in DURATIONS:
        if isinstance(arguments.get(name), str):
            try:
                arguments[name] = parse_duration(arguments[name])
            except ValueError as error:
                raise ConfigError(f"{name} of task {task.id}: {error}") from None
    return arguments
