"""pandas frames that Parquet can hold and that read back as they were written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types as pat

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.data.sources.quoting import error_text, such_as

LARGEST_EXACT: Final = 2**53
"""Up to this size, each whole number is a float64 of its own."""
MASKED_TYPES: Final = {
    pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype(),
}  # fmt: skip
"""What pandas has for a type of Arrow beside gaps."""
_LARGEST_WHOLE: Final = 2.0**64
"""Above it, a whole number is no integer of 64 bits."""
_EXAMPLES: Final = 3
_LONGEST: Final = 60


def to_frame(table: pa.Table, nullable: Collection[str] = ()) -> pd.DataFrame:
    """Return a table's rows; whole numbers with gaps are float64 where that is exact, else nullable.

    ``nullable`` are the columns whose gaps are kept beside whole numbers or booleans in any case.
    """
    masked = [
        name
        for name, values in zip(table.column_names, table.columns, strict=True)
        if values.type in MASKED_TYPES and values.null_count and (name in nullable or is_large(values))
    ]
    frame: pd.DataFrame = table.drop_columns(masked).to_pandas(ignore_metadata=True)
    if not masked:
        return frame
    exact = {
        name: MASKED_TYPES[table.field(name).type].__from_arrow__(table.column(name))  # type: ignore[attr-defined]
        for name in masked
    }
    whole = frame.reindex(range(table.num_rows)).assign(**exact)
    return whole[list(table.column_names)]


def is_large(values: pa.ChunkedArray) -> bool:
    """Whether a whole number of a column is too large for a float."""
    if not pat.is_integer(values.type):
        return False
    bounds = pa.compute.min_max(values).as_py()
    return any(bound is not None and abs(bound) > LARGEST_EXACT for bound in bounds.values())


def nullable_columns(schema: pa.Schema) -> set[str]:
    """Return the columns that pandas wrote with a nullable type of its own."""
    columns = _pandas_metadata(schema).get("columns", [])
    kinds = {"boolean", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
    return {
        str(item.get("name"))
        for item in columns
        if (numpy_type := str(item.get("numpy_type"))).lower() in kinds
        and (numpy_type[0].isupper() or numpy_type == "boolean")
    }


def index_ranges(schema: pa.Schema) -> dict[str, range]:
    """Return the named indexes that pandas wrote as a range, which is not among the columns of the file."""
    items = _pandas_metadata(schema).get("index_columns", [])
    return {
        str(item["name"]): range(item["start"], item["stop"], item["step"])
        for item in items
        if isinstance(item, dict) and item.get("kind") == "range" and item.get("name") is not None
    }


def _pandas_metadata(schema: pa.Schema) -> dict[str, Any]:
    try:
        found = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def storable(
    frame: pd.DataFrame,
    where: str,
    *,
    of_several_types: Collection[str | None] = (),
    samples: bool = True,
) -> pd.DataFrame:
    """Return a frame with text names and types that Parquet holds and pandas reads back.

    Arrow-backed columns become pandas' own; whole numbers and booleans keep their gaps. Columns
    ``of_several_types`` are left as they are, whatever their values. Without ``samples`` no cell is quoted.
    Raises DataRejected for two columns of
    one name and for a column of values that have no common type.
    """
    if not all(type(name) is str for name in frame.columns):
        frame = frame.set_axis([str(name) for name in frame.columns], axis="columns")
    if repeated := sorted(set(frame.columns[frame.columns.duplicated()])):
        raise DataRejected(
            f"{where}: {len(frame.columns)} columns, of which more than one is named {repeated[0]!r}: "
            "give each column its own name"
        )
    changed: dict[str, pd.Series] = {}
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.ArrowDtype):
            array = frame[name].array.__arrow_array__()
            table = pa.table({str(name): array})
            changed[str(name)] = to_frame(table, (str(name),))[str(name)].set_axis(frame.index)
        elif isinstance(dtype, np.dtype) and dtype.kind == "O" and name not in of_several_types:
            check_column(frame[name], str(name), where, samples=samples)
    return frame.assign(**changed) if changed else frame


def check_column(values: pd.Series, name: str, where: str, *, samples: bool = True) -> None:
    """Raise DataRejected when the objects of a column have no type in common, with counts.

    With ``samples`` the message has an example of each type.
    """
    try:
        pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        known = values.dropna()
        kinds = Counter(type(value).__name__ for value in known)
        if len(kinds) > 1:
            first = {kind: next(v for v in known if type(v).__name__ == kind) for kind in kinds}
            parts = "; ".join(
                f"{count:,} {kind}"
                + such_as([first[kind]], samples=samples, words=" such as ", longest=_LONGEST)
                for kind, count in kinds.most_common(_EXAMPLES)
            )
            raise DataRejected(
                f"{where}: column {name!r} mixes types: {parts}; give it one type at its source, or "
                "name one in load_args where the reader has dtype"
            ) from error
        kind = next(iter(kinds), "object")
        raise DataRejected(
            f"{where}: column {name!r} has values of type {kind} that Parquet cannot hold: "
            f"{error_text(error, samples=samples, longest=200)}; drop or convert it at its source"
        ) from error


def loses_digits(values: pd.Series) -> bool:
    """Whether a float column may have whole numbers too large to be exact, beside gaps or fractions."""
    return values.dtype == np.float64 and has_inexact(values.to_numpy())


def has_inexact(known: np.ndarray[Any, Any]) -> bool:
    """Whether one of some floats may be a whole number that was another before."""
    sizes = np.abs(known[np.isfinite(known)])
    return bool(((sizes >= LARGEST_EXACT) & (sizes < _LARGEST_WHOLE)).any())
