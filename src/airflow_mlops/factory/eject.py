"""Writes the DAGs of a pipeline as one Python file that a person can go on with."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from airflow.sdk import DAG, Asset

from airflow_mlops import __version__
from airflow_mlops.config.models import Pipeline
from airflow_mlops.factory.builder import plans
from airflow_mlops.factory.layout import WIDTH, Group, Source, Text, laid_out
from airflow_mlops.factory.plan import Call, DagPlan, TaskPlan
from airflow_mlops.factory.source import Writer

_BASE: Final = Path("the folder of the pipeline file")
_FATE: Final = (
    "Written by airflow-mlops {version} from {origin}, yours to change. Nothing reads that file any more: "
    "take it out of the folder of pipelines, or both will build DAGs of the same names."
)
_PIPELINE: Final = "What the tasks do; when they run, and how often they are tried, is said below."


def ejected(pipeline: Pipeline, *, origin: str, base: str = ".") -> str:
    """Return a Python file that makes the same DAGs as the pipeline file.

    :param origin: the pipeline file, as the docstring names it.
    :param base: folder of the pipeline file, seen from that of the Python file.

    Raises ConfigError for a planned value that cannot be written as Python.
    """
    beside = base == "."
    dags = plans(pipeline, None if beside else _BASE)
    writer = Writer()
    constants = [] if beside else [*_base(writer, base), ""]
    for name, value in (*_assets(dags), *_default_args(dags)):
        constants += _constant(writer, name, value)
    constants += [
        *([""] if constants else []),
        *_comment(_PIPELINE),
        *_constant(writer, "pipeline", pipeline),
    ]
    bodies = [line for dag in dags for line in ("", *_dag(writer, dag))]
    return "\n".join([*_docstring(pipeline.name, origin), "", *writer.imports(), "", *constants, *bodies, ""])


def _docstring(name: str, origin: str) -> list[str]:
    shown = origin.replace("\\", "/").replace('"', "'")
    fate = textwrap.wrap(_FATE.format(version=__version__, origin=shown), WIDTH, break_on_hyphens=False)
    return [f'"""DAGs of the pipeline {name}.', "", *fate, '"""']


def _base(writer: Writer, base: str) -> list[str]:
    writer.names.append((_BASE, "BASE"))
    path = writer.imported(Path)
    folder = Group(f"{path}(", (("", f"{path}(__file__).parent"), ("", Text(base))), ").resolve()")
    return [
        "# Relative paths of the pipeline, and modules beside it, start from here.",
        *laid_out(folder, "BASE = "),
    ]


def _constant(writer: Writer, name: str, value: Any) -> list[str]:
    """Define a name; from here on the value is written as that name."""
    lines = laid_out(writer.source(value), f"{name} = ")
    writer.names.append((value, name))
    return lines


def _assets(dags: Sequence[DagPlan]) -> Iterator[tuple[str, Call]]:
    """Yield the assets that join the DAGs, each with a name of its own."""
    named: dict[str, Call] = {}
    for dag in dags:
        for asset in _calls([dag.arguments, *(task.arguments for task in dag.tasks)]):
            if asset.target is Asset and asset not in named.values():
                last = str(asset.kwargs["name"]).rpartition("/")[2]
                named[_identifier(last.upper(), named)] = asset
    yield from named.items()


def _default_args(dags: Sequence[DagPlan]) -> Iterator[tuple[str, Any]]:
    """Yield the default arguments when several DAGs share them."""
    first = dags[0].arguments.get("default_args")
    if first and len(dags) > 1 and all(dag.arguments.get("default_args") == first for dag in dags):
        yield "DEFAULT_ARGS", first


def _calls(value: Any) -> Iterator[Call]:
    if isinstance(value, Call):
        yield value
        yield from _calls([*value.args, *value.kwargs.values()])
    elif isinstance(value, Mapping):
        yield from _calls(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _calls(item)


def _dag(writer: Writer, dag: DagPlan) -> list[str]:
    lines = [*_comment(dag.summary), *laid_out(writer.call(DAG, kwargs=dag.arguments), "with ", ":")]
    variables: dict[str, str] = {}
    for task in dag.tasks:
        variables[task.id] = _identifier(task.id, {*writer.taken, *variables.values()})
        lines += _task(writer, task, variables)
    return lines


def _task(writer: Writer, task: TaskPlan, variables: Mapping[str, str]) -> list[str]:
    name, outputs = variables[task.id], {key: f"{variables[by]}.output" for key, by in task.inputs.items()}
    operator = writer.imported(task.operator)
    what = operator if task.expand is None else f"{operator}.partial"
    made = writer.written_call(what, kwargs={"task_id": task.id, **task.arguments})
    inputs: list[tuple[str, Source]] = [(f"{key}=", text) for key, text in outputs.items()]
    made = replace(made, items=(*made.items, *inputs))
    lines = [*_comment(_first_sentence(task.operator), depth=1)]
    if task.expand is None:
        lines += laid_out(made, f"{name} = ", depth=1)
    else:
        expand = laid_out(writer.written_call("expand", kwargs=task.expand), depth=1)
        lines += laid_out(made, f"{name} = ", f".{expand[0].strip()}", depth=1) + expand[1:]
    lines += [f"    {variables[earlier]} >> {name}" for earlier in task.after]
    return [*lines, f"    {name}.as_teardown()"] if task.teardown else lines


def _comment(text: str, depth: int = 0) -> list[str]:
    margin = "    " * depth + "# "
    return textwrap.wrap(text, WIDTH, initial_indent=margin, subsequent_indent=margin)


def _first_sentence(operator: type[Any]) -> str:
    """Return what the operator's class says of itself, up to the first full stop or semicolon."""
    text = " ".join((operator.__doc__ or operator.__name__).split())
    return re.split(r"[.;](?:\s|$)", text)[0].replace("``", "`") + "."


def _identifier(text: str, taken: Mapping[str, Any] | set[str]) -> str:
    """Return a free Python name for ``text``."""
    name = re.sub(r"\W|^(?=\d)", "_", text)
    while name in taken:
        name += "_"
    return name
