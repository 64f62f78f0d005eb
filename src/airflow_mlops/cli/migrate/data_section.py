"""The steps ingest and split become the section ``data``."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Final

from airflow_mlops.cli.migrate.conversion import Conversion, number
from airflow_mlops.cli.migrate.report import Outcome
from airflow_mlops.config.queries import is_query_file
from airflow_mlops.data.core.query import misfit, unknown_parameter

_INGEST: Final = ("steps", "ingest")
_USING: Final = (*_INGEST, "using")
_LOCATION: Final = (*_INGEST, "location")
_LOADER: Final = (*_INGEST, "loader_method")
_SQL: Final = (*_INGEST, "sql")
_SPLIT: Final = ("steps", "split")
_FILTER: Final = (*_SPLIT, "post_split_filter_method")
_DEFAULT_HOLDOUT: Final = 0.25
_ROWS: Final = (
    "Recipes drop rows without a target, and hold out by a hash of each row (of each class); here the "
    "hold-out is the newest rows if data.keys has a time, else by a hash of each row of any class: drop rows "
    "without a target in the source"
)
_FILE_TYPES: Final = ("csv", "parquet", "json")
_CUSTOM: Final = "custom"
_USUAL_LOADER: Final = "load_file_as_dataframe"
_WAREHOUSE: Final = "warehouse"
_NOT_CALLED: Final = "not needed: Recipes call no loader for this type"
_WITHOUT_LOADER: Final = ("parquet", "delta", "spark_sql")
_READ_BY_HAND: Final = {
    "delta": "read the table there, with the package deltalake: DeltaTable(…).to_pandas()",
    "spark_sql": "run the query there and return its result as a pandas frame",
}


def convert_data(conversion: Conversion) -> None:
    """Write the section ``data``: target, hold-out and source."""
    conversion.carried(("target_col",), "data.target")
    data: dict[str, Any] = {"target": str(conversion.value("target_col"))}
    if (share := _holdout(conversion)) is not None:
        data["holdout"] = share
    data |= _positive(conversion)
    conversion.config["data"] = {**data, "source": _source(conversion)}


def _positive(conversion: Conversion) -> dict[str, Any]:
    """Return the positive class of a classification, if the recipe has one that is a label."""
    path, label = ("positive_class",), conversion.value("positive_class")
    if label is None:
        return {}
    plain = isinstance(label, bool | int) or (isinstance(label, str) and label.strip() != "")
    if conversion.recipe.kind != "classification" or not plain:
        conversion.left(path, "data.positive is the label of a classification: write it there if this is one")
        return {}
    conversion.carried(path, "data.positive")
    return {"positive": label}


def _holdout(conversion: Conversion) -> float | None:
    ratios, using = (*_SPLIT, "split_ratios"), (*_SPLIT, "using")
    share = _holdout_share(conversion.value(*ratios))
    if not conversion.has(ratios) and conversion.value(*using) in (None, "split_ratios"):
        share = _DEFAULT_HOLDOUT
        text = f"Recipes hold out a quarter, half of it for validation: data.holdout: {share}"
        conversion.default(ratios, Outcome.CHANGED, text)
    elif share is None:
        advice = "three shares such as [0.75, 0.125, 0.125] are expected: set data.holdout by hand"
        conversion.left(ratios, advice)
    else:
        text = f"data.holdout: validation and test are one hold-out ({share:g}); tuning does not see it"
        conversion.changed(ratios, text)
    conversion.default((*_SPLIT, "(rows)"), Outcome.CHANGED, _ROWS)
    if conversion.value(*using) == "split_ratios":
        conversion.carried(using, "data.holdout")
    else:
        advice = "rows are held out by time or by entity: name those columns in data.keys"
        conversion.left(using, advice)
    return share


def _holdout_share(ratios: Any) -> float | None:
    """Return the share of validation and test together, or None when the ratios are not three shares."""
    found = [number(share) for share in ratios] if isinstance(ratios, list) else []
    shares = [share for share in found if share is not None and share >= 0]
    total = sum(shares)
    if len(found) != 3 or len(shares) != 3 or not 0 < total < math.inf:
        return None
    share = round((shares[1] + shares[2]) / total, 6)
    return share if 0 < share < 1 else None


def _source(conversion: Conversion) -> dict[str, Any]:
    """Return ``data.source``: a file or query, or a glue function where the recipe needs code."""
    using, places = conversion.value(*_USING), _locations(conversion)
    if using == "spark_sql" and (sql := _query(conversion)) is not None:
        text = (
            f"data.source.type sql, by the Airflow connection {_WAREHOUSE!r}: create it, to a database with "
            "Spark's tables, and adapt the query to its dialect"
        )
        conversion.changed(_USING, text)
        conversion.carried(_SQL, "data.source.sql")
        conversion.left(_LOADER, _NOT_CALLED)
        return {"type": "sql", "sql": sql, "conn_id": _WAREHOUSE}
    named = conversion.value(*_LOADER) is not None and using not in _WITHOUT_LOADER
    if using in _FILE_TYPES and len(places) == 1 and not named and not conversion.function(*_FILTER):
        place = _from_pipeline_file(conversion, places[0])
        conversion.carried(_USING, "data.source.type")
        conversion.carried(_LOCATION, f"data.source.filepath ({place})")
        conversion.left(_LOADER, _NOT_CALLED)
        return {"type": using, "filepath": place}
    by_loader = isinstance(using, str) and conversion.function(*_LOADER) is not None
    if places and (by_loader if named else using in (*_FILE_TYPES, _CUSTOM)):
        path = _add_reader(conversion, str(using), places)
    else:
        path = _add_reader_to_write(conversion, using)
    return {"type": "callable", "callable": path}


def _query(conversion: Conversion) -> str | None:
    """Return the recipe's query when a source of type sql can hold it."""
    sql = conversion.value(*_SQL)
    if not isinstance(sql, str) or is_query_file(sql) or "{" in sql or conversion.value(*_FILTER) is not None:
        return None
    return None if misfit(sql) or unknown_parameter(sql, ()) else sql


def _locations(conversion: Conversion) -> list[str]:
    """Return the places that the recipe reads; none when one of them is not a text."""
    found = conversion.value(*_LOCATION)
    listed = found if isinstance(found, list) else [found]
    return listed if all(isinstance(item, str) and item for item in listed) else []


def _from_pipeline_file(conversion: Conversion, location: str) -> str:
    """Return a location of the recipe relative to the folder of the pipeline file."""
    plain = location.removeprefix("file://")
    if _is_absolute(plain):
        return plain
    return Path(os.path.relpath(conversion.recipe.root / plain, conversion.folder)).as_posix()


def _is_absolute(place: str) -> bool:
    return ":/" in place or place.startswith(("/", "~"))


def _add_reader(conversion: Conversion, using: str, places: list[str]) -> str:
    """Add the glue function that reads the recipe's files; returns its path."""
    loader, keep = conversion.function(*_LOADER), conversion.function(*_FILTER)
    if using in _WITHOUT_LOADER:
        loader = None
    elif using == _CUSTOM:
        loader = loader or _USUAL_LOADER
    imports = ["import pandas as pd"]
    seen = [_from_pipeline_file(conversion, place) for place in places]
    lines, call = _files(using, seen, imports) if loader else _as_they_are(using, seen, imports)
    if loader:
        line, called = conversion.imported("steps.ingest", loader)
        imports.append(line)
        takes_type = conversion.steps.parameters("ingest", loader) != 1
        call = f"{called}(str(file), {_quoted(using)})" if takes_type else f"{called}(str(file))"
    result = "frame"
    if keep:
        line, called = conversion.imported("steps.split", keep)
        imports.append(line)
        result = f"frame[{called}(frame)]"
    one = "file" if loader else "place"
    path = _add_rows_function(
        conversion,
        imports,
        *lines,
        f"frame = pd.concat([{call} for {one} in {one}s], ignore_index=True)",
        f"return {result}",
    )
    _report_reader(conversion, path, loader, len(places))
    if keep:
        text = f"{path}: rows are filtered as they are read, for training and for monitoring"
        conversion.changed(_FILTER, text + conversion.steps.missing("split", keep))
    return path


def _as_they_are(using: str, seen: list[str], imports: list[str]) -> tuple[list[str], str]:
    """Return the lines that list the places, and the call that reads one of them with pandas."""
    imports.append("from pathlib import Path")
    shown = ", ".join(_quoted(place) if _is_absolute(place) else f"here / {_quoted(place)}" for place in seen)
    lines = [*(["here = Path(__file__).parent"] if "here /" in shown else []), f"places = [{shown}]"]
    return lines, f"pd.read_{using}(place)"


def _files(using: str, seen: list[str], imports: list[str]) -> tuple[list[str], str]:
    """Return the lines that list the files which Recipes hand to a loader: local ones, folders opened."""
    imports.append("from pathlib import Path")
    remote = [place for place in seen if "://" in place]
    local = [place for place in seen if "://" not in place]
    pattern = "*" if using == _CUSTOM else f"*.{using}"
    lines = ["here = Path(__file__).parent"] if local else []
    if local:
        shown = ", ".join(_quoted(place) for place in local)
        lines.append(f"places = [here / Path(place).expanduser() for place in [{shown}]]")
        found = f"sorted(place.glob({_quoted(pattern)})) if place.is_dir() else [place]"
        lines.append(f"files = [file for place in places for file in ({found})]")
    if remote:
        imports.append("import fsspec")
        shown = ", ".join(_quoted(f"simplecache::{place}") for place in remote)
        opened = 'fsspec.open_local(place, simplecache={"same_names": True})'
        fetched = f"[{opened} for place in [{shown}]]"
        lines.append(f"files += {fetched}" if local else f"files = {fetched}")
    return lines, ""


def _report_reader(conversion: Conversion, path: str, loader: str | None, places: int) -> None:
    conversion.carried(_USING, path)
    shown = f"{places} places" if places > 1 else "one place"
    conversion.carried(_LOCATION, f"{path}, which reads {shown}")
    if loader is None:
        conversion.left(_LOADER, _NOT_CALLED)
    else:
        remark = conversion.steps.missing("ingest", loader)
        conversion.carried(_LOADER, f"{path} calls steps.ingest:{loader}{remark}")


def _add_reader_to_write(conversion: Conversion, using: Any) -> str:
    """Add a glue function that the user has to write; returns its path."""
    what = f"the recipe reads {str(using)[:40]}" if using else "the recipe does not say where its rows are"
    message = _quoted(f"{what}: return the rows as a pandas frame")
    path = _add_rows_function(conversion, [], f"raise NotImplementedError({message})")
    advice = _READ_BY_HAND.get(str(using), "return the rows as a pandas frame")
    for key in (_USING, _LOCATION, _LOADER, _SQL):
        conversion.left(key, f"write {path}: {advice}")
    conversion.left(_FILTER, f"call it in {path}, on the rows that are read")
    return path


def _add_rows_function(conversion: Conversion, imports: list[str], *lines: str) -> str:
    head = 'def {name}():\n    """Return the rows of the recipe\'s ingest step."""\n'
    return conversion.add_glue("rows", imports, head + "".join(f"    {line}\n" for line in lines))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
