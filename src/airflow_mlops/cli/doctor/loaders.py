"""Finds the DAG files that load pipelines; reads them and never runs them."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_mlops.cli.doctor.finding import Finding, failed, ok, warning

_CALL: Final = "load_pipelines"


@dataclass(frozen=True)
class Loader:
    """A DAG file that calls ``load_pipelines``.

    ``folder`` is None when it is known only at run time; ``at_once`` is False for a call in a function.
    """

    file: Path
    folder: Path | None
    at_once: bool = True


def loaders(folder: Path) -> list[Loader]:
    """Return the DAG files in a folder and below it that load pipelines.

    Calls inside functions count only when there are no others: most of them are in tests.
    """
    files = (path for path in folder.rglob("*.py") if not _hidden(path.relative_to(folder)))
    found = [loader for file in sorted(files) for loader in _loaders_of(file)]
    return [loader for loader in found if loader.at_once] or found


def check_loaders(
    folders: Sequence[Path], found: Iterable[Loader], is_dag_file: Callable[[Path], bool]
) -> Iterator[Finding]:
    """Yield whether Airflow will load each DAG file; ``is_dag_file`` is Airflow's own check of a file."""
    known = list(found)
    if not known:
        places = [str(folder) for folder in folders]
        text = f"there is no DAG file that calls load_pipelines in {', '.join(places) or 'any local folder'}"
        yield failed("dags folder", text, f"airflow-mlops init {places[0] if places else 'DAGS_FOLDER'}")
    for loader in known:
        if not is_dag_file(loader.file):
            text = f"{loader.file}: Airflow skips this file, because it does not contain the word `dag`"
            yield failed("dags folder", text, f"echo '# builds the DAGs' >> {loader.file}")
        elif loader.folder is None:
            yield ok(
                "dags folder", f"{loader.file} loads pipelines from a folder that is known only at run time"
            )
        elif not loader.folder.is_dir():
            text = f"{loader.file} loads from {loader.folder}, which does not exist"
            yield failed("dags folder", text, f"mkdir -p {loader.folder}")
        else:
            yield ok("dags folder", f"{loader.file} loads {loader.folder}")


def check_loaded(files: Iterable[Path], found: Iterable[Loader]) -> Iterator[Finding]:
    """Yield a warning for pipeline files that no DAG file loads."""
    known = list(found)
    if not known or any(loader.folder is None for loader in known):
        return
    folders = [loader.folder.resolve() for loader in known if loader.folder is not None]
    lost = [file for file in files if not any(folder in file.resolve().parents for folder in folders)]
    if lost:
        text = f"no DAG file loads {', '.join(map(str, lost))}"
        yield warning("pipelines", text, f"move them to {folders[0]}, or load their folder too")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _loaders_of(file: Path) -> Iterator[Loader]:
    try:
        text = file.read_bytes()
        if _CALL.encode() not in text:
            return
        with warnings.catch_warnings(action="ignore"):  # such as an invalid escape in a string
            tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == _CALL:
            yield Loader(file, _folder(node, file.parent), at_once=id(node) not in inside)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _folder(call: ast.Call, beside: Path) -> Path | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "folder"]
    given = [*call.args[1:2], *named, ast.Constant(None)][0]
    value = given.value if isinstance(given, ast.Constant) else ""
    folder = "pipelines" if value is None else value
    return beside / folder if isinstance(folder, str) and folder else None
