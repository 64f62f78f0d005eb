"""The signature accepts the very frame that it was made from, whatever the types of its columns."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest
from mlflow.models import validate_schema
from mlflow.types import Schema

from airflow_mlops.training.signature import column_type, inputs_and_types, outputs

N = 6
COLUMNS = {
    "whole": (range(N), "long", True),
    "small": (np.arange(N, dtype="int8"), "long", True),
    "real_with_gaps": ([0.5, None, 3, 4, 5, 6], "double", False),
    "nullable": (pd.array([1, 2, 3, 4, 5, 6], dtype="Int64"), "long", True),
    "real": (np.arange(N) / 2, "double", True),
    "single": (np.arange(N, dtype="float32"), "double", True),
    "flag": ([True, False] * 3, "boolean", True),
    "moment": (pd.date_range("2025-01-01", periods=N), "datetime", True),
    "moment_with_gaps": ([pd.Timestamp("2025-01-01"), None] * 3, "datetime", False),
    "day": ([dt.date(2025, 1, day + 1) for day in range(N)], "datetime", True),
    "money": ([decimal.Decimal(i) / 4 for i in range(N)], "double", True),
    "text": (list("abcdef"), "string", True),
    "text_with_gaps": (["a", None] * 3, "string", False),
    "nothing": ([None] * N, "string", False),
}
LEFT_OPEN = {
    "whole_with_gaps": ([1, None, 3, 4, 5, 6], "double"),
    "flag_with_gaps": (pd.Series([True, None] * 3, dtype=object), "boolean"),
    "nullable_with_gaps": (pd.array([1, None, 3, 4, 5, 6], dtype="Int64"), "double"),
    "nullable_flag": (pd.array([True, None] * 3, dtype="boolean"), "boolean"),
    "arrow": (pd.array([1, None, 3, 4, 5, 6], dtype="int64[pyarrow]"), "double"),
    "huge": (np.arange(N, dtype="uint64"), "long"),
    "zoned": (pd.date_range("2025-01-01", periods=N, tz="Europe/Berlin"), "datetime"),
    "category": (pd.Categorical(list("abcabc")), "string"),
}


def test_each_column_is_signed_by_its_values_and_only_gaps_make_it_optional() -> None:
    raw = pd.DataFrame({name: values for name, (values, _, _) in COLUMNS.items()})
    schema, types = inputs_and_types(raw)
    found = {column.name: (column.type.name, column.required) for column in schema.inputs}
    assert found == {name: (type_, required) for name, (_, type_, required) in COLUMNS.items()}
    assert types == {}
    validate_schema(raw, schema)


def test_what_mlflow_would_refuse_is_left_open_and_its_type_kept_beside() -> None:
    raw = pd.DataFrame(
        {"real": np.arange(N) / 2, **{name: values for name, (values, _) in LEFT_OPEN.items()}}
    )
    schema, types = inputs_and_types(raw)
    assert types == {name: type_ for name, (_, type_) in LEFT_OPEN.items()}
    assert {column.name: str(column.type) for column in schema.inputs} == {
        "real": "DataType.double",
        **dict.fromkeys(LEFT_OPEN, "Any"),
    }
    validate_schema(raw, schema)


@pytest.mark.parametrize(
    "values", [[[1.0], [2.0]], [1, "a"], [{"a": 1}, None], [2**63, 1], [2**63, None]], ids=repr
)
def test_what_has_no_name_is_any(values: list[object]) -> None:
    raw = pd.DataFrame({"odd": pd.Series(values, dtype=object)})
    assert column_type(raw["odd"]) == "any"
    schema, types = inputs_and_types(raw)
    assert (str(schema.inputs[0].type), types) == ("Any", {})
    validate_schema(raw, schema)


def fits(rows: pd.DataFrame, schema: Schema) -> bool:
    """Whether MLflow takes rows by a schema; raises its reason when it does not."""
    validate_schema(rows, schema)
    return True


def test_whole_numbers_and_flags_with_gaps_may_come_without_them_and_from_any_reader() -> None:
    raw = pd.DataFrame({"n": [1.0, None], "flag": pd.Series([True, None], dtype=object)})
    schema, _ = inputs_and_types(raw)
    others = (
        pd.DataFrame({"n": [1, 2], "flag": [True, False]}),
        pd.DataFrame(
            {"n": pd.array([1, None], dtype="Int64"), "flag": pd.array([True, None], dtype="boolean")}
        ),
        pd.DataFrame({"flag": [True]}),
    )
    assert all(fits(rows, schema) for rows in others)


def test_a_schema_still_refuses_what_it_names() -> None:
    schema, _ = inputs_and_types(pd.DataFrame({"real": [0.5, 1.5]}))
    with pytest.raises(Exception, match="Can not safely convert str to float64"):
        validate_schema(pd.DataFrame({"real": ["a"]}), schema)


@pytest.mark.parametrize(
    ("labels", "type_"), [([0, 1], "long"), ([0.5], "double"), (["a"], "string"), ([True], "boolean")]
)
def test_predictions_have_the_type_of_the_labels(labels: list[object], type_: str) -> None:
    schema: Schema = outputs(np.array(labels))
    assert [column.type.name for column in schema.inputs] == [type_]
