"""Writes the DAGs of a pipeline as one Python file that a person can maintain."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from airflow.sdk import DAG

from airflow_mlops import __version__
from airflow_mlops.config.models import OwnTask, Pipeline
from airflow_mlops.factory.assets import pipeline_asset
from airflow_mlops.factory.builder import (
    dag_arguments,
    input_arguments,
    operator_class,
    task_arguments,
    task_expansion,
)
from airflow_mlops.factory.documentation import summary
from airflow_mlops.factory.own_tasks import own_task_arguments
from airflow_mlops.factory.python_source import SourceWriter, verbatim
from airflow_mlops.factory.settings import default_args
from airflow_mlops.lifecycle.own_tasks import own_edges, own_tasks, runs_always
from airflow_mlops.lifecycle.table import Kind, Task, shapes, tasks_of
from airflow_mlops.user_code.loading import is_installed, load_object

_WIDTH: Final = 88
_ASSETS: Final = ("data", "challenger", "champion", "retrain")
_FATE: Final = (
    "Written by airflow-mlops {version} from {origin}, yours to change. That file is not read any more: "
    "remove it from the folder of pipelines, or both will create DAGs of the same names."
)
_BLANK_LINE: Final = verbatim("")
_COMMENTS: Final = {
    "BASE": "Relative paths of the pipeline, and modules beside it, start from here.",
    "pipeline": "What the tasks do; when they run, and how often they are retried, is set below.",
}


def eject(pipeline: Pipeline, *, origin: str, base: str = ".") -> str:
    """Return a Python file that creates the same DAGs as the pipeline file; see ``formatted``.

    :param origin: the pipeline file, as the docstring names it.
    :param base: folder of the pipeline file, relative to that of the Python file.

    Raises ConfigError for a value that cannot be written as Python.
    """
    writer = SourceWriter()
    folder = verbatim("BASE") if base != "." or _needs_folder(pipeline) else None
    constants = {} if folder is None else {"BASE": _base(writer, base)}
    constants |= _shared_values(writer, pipeline, folder)
    dags = [list(_dag(writer, pipeline, shape.kind, folder)) for shape in shapes(pipeline)]
    used = [name for name in constants if name in {*writer.used, "BASE"}]
    imports = [list(writer.imports(standard_library=standard)) for standard in (True, False)]
    defined = [statement for name in used for statement in _constant(name, constants[name])]
    blocks: list[list[Any]] = [_docstring(pipeline.name, origin), *imports, defined, *dags]
    return "\n\n".join(_printed(block) for block in blocks if block) + "\n"


def formatted(source: str) -> str | None:
    """Return Python source as ``ruff format`` lays it out, or None when ruff is not installed."""
    if importlib.util.find_spec("ruff"):
        command = [sys.executable, "-m", "ruff"]
    elif program := shutil.which("ruff"):
        command = [program]
    else:
        return None
    options = ["format", "--isolated", "--no-cache", "--stdin-filename", "dags.py", "-"]
    answer = subprocess.run([*command, *options], input=source, capture_output=True, text=True, check=True)
    return answer.stdout


def _docstring(name: str, origin: str) -> list[ast.stmt]:
    shown = origin.replace("\\", "/").replace('"', "'")
    fate = textwrap.wrap(_FATE.format(version=__version__, origin=shown), _WIDTH, break_on_hyphens=False)
    text = "\n".join([f"DAGs of the pipeline {name}.", "", *fate, ""])
    return [ast.Expr(verbatim(f'"""{text}"""'))]


def _base(writer: SourceWriter, base: str) -> ast.expr:
    here = ast.Attribute(writer.call(Path, [verbatim("__file__")]), "parent")
    return writer.call(ast.Attribute(writer.call(Path, [here, base]), "resolve"))


def _shared_values(writer: SourceWriter, pipeline: Pipeline, base: Any) -> dict[str, ast.expr]:
    """Define the names of what several tasks and DAGs use."""
    values: dict[str, Any] = {name.upper(): pipeline_asset(pipeline.name, name) for name in _ASSETS}
    if len(shapes(pipeline)) > 1:
        values["DEFAULT_ARGS"] = default_args(pipeline, base)
    values["pipeline"] = pipeline
    return {name: writer.define(name, value) for name, value in values.items()}


def _constant(name: str, value: ast.expr) -> Iterator[ast.stmt]:
    if name in _COMMENTS:
        yield ast.Expr(_BLANK_LINE)
        yield from _comment(_COMMENTS[name])
    yield ast.Assign([ast.Name(name)], value)


def _dag(writer: SourceWriter, pipeline: Pipeline, kind: Kind, base: Any) -> Iterator[ast.stmt]:
    yield from _comment(summary(kind))
    context = writer.call(DAG, keywords=dag_arguments(pipeline, kind, base))
    body: list[ast.stmt] = []
    variables: dict[str, ast.expr] = {}
    before, after = own_tasks(pipeline, kind)
    for task in before:
        body += _own_task(writer, task, base, variables)
    for row in tasks_of(pipeline, kind):
        variable = ast.Name(_identifier(row.id, writer.names))
        body += _task(writer, pipeline, row, base, variable, variables)
        variables[row.id] = variable
    for task in after:
        body += _own_task(writer, task, base, variables)
    first, *_, last = tasks_of(pipeline, kind)
    for earlier, later in own_edges(pipeline, kind, first.id, last.id):
        body.append(ast.Expr(ast.BinOp(variables[earlier], ast.RShift(), variables[later])))
    yield ast.With([ast.withitem(context)], body)


def _task(
    writer: SourceWriter,
    pipeline: Pipeline,
    row: Task,
    base: Any,
    variable: ast.Name,
    others: dict[str, ast.expr],
) -> Iterator[ast.stmt]:
    """Yield the statements of one task; ``others`` holds the variables of earlier tasks by their id."""
    operator = operator_class(row)
    outputs = {task_id: ast.Attribute(other, "output") for task_id, other in others.items()}
    arguments = task_arguments(pipeline, row, base) | input_arguments(row, outputs)
    if expansion := task_expansion(pipeline, row):
        mapped = writer.call(
            ast.Attribute(ast.Name(writer.imported(operator)), "partial"), keywords=arguments
        )
        task = writer.call(ast.Attribute(mapped, "expand"), keywords=expansion)
    else:
        task = writer.call(operator, keywords=arguments)
    yield from _comment(row.does)
    yield ast.Assign([variable], task)
    for earlier in row.after:
        if earlier in others:
            yield ast.Expr(ast.BinOp(others[earlier], ast.RShift(), variable))
    if row.teardown:
        yield ast.Expr(writer.call(ast.Attribute(variable, "as_teardown")))


def _own_task(
    writer: SourceWriter, task: OwnTask, base: Any, variables: dict[str, ast.expr]
) -> Iterator[ast.stmt]:
    """Yield the statements of a user's own task, and add its variable."""
    module, name = re.split(r"[.:](?=\w+$)", task.operator)
    if _is_installed(task.operator):
        target: ast.expr = ast.Name(writer.imported_name(module, name))
    else:
        target = writer.call(load_object, [task.operator, base])
    variable = ast.Name(_identifier(task.id, writer.names))
    variables[task.id] = variable
    yield ast.Assign([variable], writer.call(target, keywords=own_task_arguments(task)))
    if runs_always(task):
        yield from _comment("Runs after a failure as well, which it does not hide.")
        yield ast.Expr(writer.call(ast.Attribute(variable, "as_teardown")))


def _needs_folder(pipeline: Pipeline) -> bool:
    """Whether something other than a task loads modules beside the pipeline file."""
    own = (*pipeline.before, *pipeline.after)
    deadline = pipeline.schedule and pipeline.schedule.deadline
    return bool(deadline) or not all(_is_installed(task.operator) for task in own)


def _is_installed(dotted: str) -> bool:
    """Whether the package of a dotted path is installed, so that it can be imported from anywhere."""
    found = importlib.util.find_spec(re.split(r"[.:]", dotted)[0])
    folders = found.submodule_search_locations if found else None
    return found is not None and is_installed(found.origin or next(iter(folders or ()), ""))


def _comment(text: str) -> Iterator[ast.stmt]:
    for line in textwrap.wrap(text, _WIDTH - 6):
        yield ast.Expr(verbatim(f"# {line}"))


def _identifier(text: str, taken: set[str]) -> str:
    """Return a Python name for ``text`` that is not taken."""
    name = re.sub(r"\W|^(?=\d)", "_", text)
    while name in taken:
        name += "_"
    return name


def _printed(statements: Iterable[ast.stmt]) -> str:
    module = ast.Module(list(statements), [])
    return ast.unparse(ast.fix_missing_locations(module)).strip()
