"""The steps ingest and split: where the rows come from, and which are held out."""

from __future__ import annotations

import math
from typing import Any, Final

from airflow_mlops.cli.migrate.entry import carried, changed, left
from airflow_mlops.cli.migrate.part import Part, Subject, number
from airflow_mlops.cli.migrate.rows import FILTER, INGEST, READ, locations, not_called, rows, seen_from
from airflow_mlops.config.queries import is_query_file
from airflow_mlops.data.core.query import misfit, unknown_parameter

_WAREHOUSE: Final = "warehouse"
_SPLIT: Final = ("steps", "split")


def ingest(subject: Subject) -> Part:
    """Return ``data.source``: a file or query, or a function where the recipe needs code."""
    using, places = subject.at(*INGEST, "using"), locations(subject)
    if using == "spark_sql" and (sql := _query(subject)) is not None:
        return _queried(subject, sql)
    if using not in READ or len(places) != 1 or subject.function(*FILTER):
        return rows(subject)
    place = seen_from(subject, places[0])
    entries = (
        carried((*INGEST, "using"), "data.source.type"),
        carried((*INGEST, "location"), f"data.source.filepath ({place})"),
        *not_called(subject),
    )
    return Part({"data": {"source": {"type": using, "filepath": place}}}, entries)


def _query(subject: Subject) -> str | None:
    """Return the recipe's query when a source of type sql can hold it."""
    sql = subject.at(*INGEST, "sql")
    if not isinstance(sql, str) or is_query_file(sql) or "{" in sql or subject.at(*FILTER) is not None:
        return None
    return None if misfit(sql) or unknown_parameter(sql, ()) else sql


def _queried(subject: Subject, sql: str) -> Part:
    text = (
        f"data.source.type sql, by the Airflow connection {_WAREHOUSE!r}: make it, to a database that has "
        "Spark's tables, and adapt the query to its dialect"
    )
    entries = (
        changed((*INGEST, "using"), text),
        carried((*INGEST, "sql"), "data.source.sql"),
        *not_called(subject),
    )
    return Part({"data": {"source": {"type": "sql", "sql": sql, "conn_id": _WAREHOUSE}}}, entries)


def split(subject: Subject) -> Part:
    """Return ``data.holdout``, and the target."""
    config: dict[str, Any] = {"target": str(subject.at("target_col"))}
    entries = [carried(("target_col",), "data.target")]
    ratios = subject.at(*_SPLIT, "split_ratios")
    held = _held_out(ratios)
    if held is not None:
        config["holdout"] = held
        text = f"data.holdout: validation and test are one hold-out ({held:g}); tuning does not see it"
        entries.append(changed((*_SPLIT, "split_ratios"), text))
    elif ratios is not None:
        text = "not three shares such as [0.75, 0.125, 0.125]: set data.holdout by hand"
        entries.append(left((*_SPLIT, "split_ratios"), text))
    if subject.at(*_SPLIT, "using") == "split_ratios":
        entries.append(carried((*_SPLIT, "using"), "data.holdout"))
    elif subject.at(*_SPLIT, "using") is not None:
        text = "rows are held out by time or by entity: name those columns in data.keys"
        entries.append(left((*_SPLIT, "using"), text))
    for key, todo in (
        ("split_method", "name the entity and time columns in data.keys: no function chooses the hold-out"),
        ("post_split_method", "do it to all rows in a function of data.source, or in `features`"),
    ):
        if subject.at(*_SPLIT, key) is not None:
            entries.append(left((*_SPLIT, key), todo))
    return Part({"data": config}, tuple(entries))


def _held_out(ratios: Any) -> float | None:
    shares = [number(share) for share in ratios] if isinstance(ratios, list) else []
    numbers = [share for share in shares if share is not None]
    if len(shares) != 3 or len(numbers) != 3:
        return None
    first, second, third = numbers
    whole = first + second + third
    if min(first, second, third) < 0 or not 0 < whole < math.inf:
        return None
    held = round((second + third) / whole, 6)
    return held if 0 < held < 1 else None
