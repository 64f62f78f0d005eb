"""The rows of a recipe by a function of the glue code: several files, a loader, a filter."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from airflow_mlops.cli.migrate.entry import Entry, carried, changed, left
from airflow_mlops.cli.migrate.part import Code, Part, Subject

INGEST: Final = ("steps", "ingest")
FILTER: Final = ("steps", "split", "post_split_filter_method")
READ: Final = ("csv", "parquet", "json")
_CUSTOM: Final = "custom"
_LOADER: Final = "load_file_as_dataframe"
_ELSEWHERE: Final = {
    "delta": "read the table there, with the package deltalake: DeltaTable(…).to_pandas()",
    "spark_sql": "run the query there and return what it finds as a pandas frame",
}


def rows(subject: Subject) -> Part:
    """Return a source of the type ``callable`` with its function; for Spark and Delta it is yet to write."""
    using, places = subject.at(*INGEST, "using"), locations(subject)
    path = subject.glue("rows")
    readable = using in (*READ, _CUSTOM) and bool(places)
    code, entries = _reading(subject, path, str(using), places) if readable else _unread(subject, path, using)
    source = {"type": "callable", "callable": path}
    return Part({"data": {"source": source}}, tuple(entries), (code,))


def locations(subject: Subject) -> list[str]:
    """Return the places that the recipe reads; none when one of them is no text."""
    found = subject.at(*INGEST, "location")
    listed = found if isinstance(found, list) else [found]
    return listed if all(isinstance(item, str) and item for item in listed) else []


def seen_from(subject: Subject, location: str) -> str:
    """Return a location of the recipe as the pipeline file writes it: relative to its own folder."""
    plain = location.removeprefix("file://")
    if _fixed(plain):
        return plain
    return Path(os.path.relpath(subject.recipe.root / plain, subject.folder)).as_posix()


def not_called(subject: Subject) -> list[Entry]:
    """Return the entry of a loader that is named although pandas reads the file."""
    path = (*INGEST, "loader_method")
    return [] if subject.at(*path) is None else [left(path, "not needed: pandas reads this type itself")]


def _fixed(place: str) -> bool:
    return ":/" in place or place.startswith(("/", "~"))


def _reading(subject: Subject, path: str, using: str, places: list[str]) -> tuple[Code, list[Entry]]:
    told = [
        carried((*INGEST, "using"), path),
        carried((*INGEST, "location"), f"{path}, which reads {_count(places)}"),
    ]
    imports = ["from pathlib import Path", "import pandas as pd"]
    if using == _CUSTOM:
        call, imported, more = _loader(subject, path)
        imports.append(imported)
        told += more
    else:
        call = f"pd.read_{using}(place)"
        told += not_called(subject)
    result = "frame"
    if keep := subject.function(*FILTER):
        imports.append(f"from steps.split import {keep}")
        result = f"frame[{keep}(frame)]"
        text = f"{path}: rows are filtered as they are read, for training and for monitoring"
        told.append(changed(FILTER, text + subject.steps.missing("split", keep)))
    seen = [seen_from(subject, place) for place in places]
    shown = ", ".join(_quoted(place) if _fixed(place) else f"here / {_quoted(place)}" for place in seen)
    lines = (
        *(("here = Path(__file__).parent",) if "here /" in shown else ()),
        f"places = [{shown}]",
        f"frame = pd.concat([{call} for place in places], ignore_index=True)",
        f"return {result}",
    )
    return _function(imports, lines), told


def _loader(subject: Subject, path: str) -> tuple[str, str, list[Entry]]:
    """Return the call of the recipe's loader, its import, and what became of its name."""
    named = subject.function(*INGEST, "loader_method")
    name = named or _LOADER
    remark = subject.steps.missing("ingest", name)
    told = [carried((*INGEST, "loader_method"), f"{path} calls steps.ingest:{name}{remark}")] if named else []
    second = ', Path(place).suffix.lstrip(".")' if subject.steps.parameters("ingest", name) == 2 else ""
    return f"{name}(str(place){second})", f"from steps.ingest import {name}", told


def _unread(subject: Subject, path: str, using: object) -> tuple[Code, list[Entry]]:
    todo = f"write {path}: {_ELSEWHERE.get(str(using), 'return the rows as a pandas frame')}"
    step = subject.at(*INGEST)
    keys = [
        key
        for key in ("using", "location", "loader_method", "sql")
        if isinstance(step, Mapping) and key in step
    ]
    told = [left((*INGEST, key), todo) for key in keys]
    if subject.at(*FILTER) is not None:
        told.append(left(FILTER, f"call it in {path}, on the rows that are read"))
    what = f"the recipe reads {str(using)[:40]}" if using else "the recipe does not say where its rows are"
    lines = (f"raise NotImplementedError({_quoted(f'{what}: return the rows as a pandas frame')})",)
    return _function((), lines), told


def _function(imports: tuple[str, ...] | list[str], lines: tuple[str, ...]) -> Code:
    head = 'def {name}():\n    """Return the rows of the recipe\'s ingest step."""\n'
    return Code("rows", tuple(imports), head + "".join(f"    {line}\n" for line in lines))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _count(places: list[str]) -> str:
    return f"{len(places)} files" if len(places) > 1 else "one file"
