from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_mlops.serving.payload import FORMATS, BadInputError, Payload, Signature, parse
from airflow_mlops.serving.tensors import tensor

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
SIGNATURE = Signature.compile([("a", "double", True), ("b", "string", False), ("c", "long", True)])


@given(st.sampled_from(FORMATS), JSON)
def test_any_json_gives_rows_or_a_refusal(kind: str, value: object) -> None:
    try:
        payload = parse(json.dumps({kind: value}).encode())
        assert payload.rows >= 1
        assert SIGNATURE is not None
        checked = SIGNATURE.check(payload)
    except BadInputError:
        return
    assert all(len(column) == payload.rows for column in checked.values())


@example(b'"\x80"')
@given(st.binary(max_size=40))
def test_any_bytes_give_rows_or_a_refusal(body: bytes) -> None:
    with pytest.raises(BadInputError):
        parse(body)


@pytest.mark.parametrize("type_", ["double", "long", "string", "boolean", "datetime", "binary", "any"])
def test_a_column_that_had_gaps_takes_null_whatever_its_type(type_: str) -> None:
    signature = Signature.compile([("x", type_, False), ("y", "double", True)])
    assert signature is not None
    assert signature.check(Payload(2, {"x": [None, None], "y": [1.0, 2.0]}))["x"] == [None, None]
    assert "x" not in signature.check(Payload(1, {"y": [1.0]}))


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("double", [1, 1.5, None, -0.0], [True, "1", [1]]),
        ("long", [1, -(2**63), 2.0, 2.0**53 - 1], [True, 1.5, None, 2**63, 2.0**63, 2.0**53, -(2.0**53)]),
        ("integer", [2**31 - 1], [2**31]),
        ("string", ["", None], [1, ["x"]]),
        ("boolean", [True, False], [1, None, "true"]),
        ("binary", ["aGk="], ["not base64!", 3, None]),
        (
            "datetime",
            [
                "2026-01-02",
                "2026-01-02T03:04:05+02:00",
                None,
                "1677-09-22",
                "2262-04-11",
                "2262-04-11T23:47:16.854775807",
            ],
            [
                "yesterday",
                3,
                "1600-01-01",
                "9999-12-31",
                "0001-01-01T00:00:00+14:00",
                "2262-04-11T23:47:16.854775808",
            ],
        ),
        ("float", [1.5, 3.4028234e38, float("inf")], ["1", 1e39, True]),
    ],
)
def test_types_of_mlflow(type_: str, good: list[object], bad: list[object]) -> None:
    signature = Signature.compile([("x", type_, True)])
    assert signature is not None
    assert len(signature.check(Payload(len(good), {"x": good}))["x"]) == len(good)
    for value in bad:
        with pytest.raises(BadInputError, match=f"column 'x' row 0: .*type {type_}"):
            signature.check(Payload(1, {"x": [value]}))


def test_times_become_utc_without_a_zone() -> None:
    signature = Signature.compile([("t", "datetime", True)])
    assert signature is not None
    found = signature.check(Payload(1, {"t": ["2026-01-02T03:00:00+02:00"]}))
    assert found == {"t": [datetime(2026, 1, 2, 1)]}


def test_unknown_columns_are_left_out_and_optional_ones_may_be_missing() -> None:
    assert SIGNATURE is not None
    assert SIGNATURE.check(Payload(1, {"a": [1], "c": [2], "z": [3]})) == {"a": [1], "c": [2]}
    with pytest.raises(BadInputError, match="column 'c' \\(long\\) is missing"):
        SIGNATURE.check(Payload(1, {"a": [1]}))
    with pytest.raises(BadInputError, match="named columns"):
        SIGNATURE.check(Payload(1, array=[[1, 2]]))


def test_types_beyond_plain_columns_are_left_to_mlflow() -> None:
    assert Signature.compile([("x", "Array(double)", True)]) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"instances": [1e999]}', "1e999 is larger than any double"),
        (b'{"instances": [NaN, -1e9999]}', "larger than any double"),
        (b'{"instances": ["\\ud800"]}', "half of a surrogate pair"),
        (b'{"dataframe_records": [{"\\udc00": 1}]}', "half of a surrogate pair"),
    ],
)
def test_numbers_and_text_that_nothing_can_hold_are_the_callers_fault(body: bytes, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        parse(body)
    assert parse(b'{"instances": ["\\ud83d\\ude00", Infinity, NaN]}').array[:2] == ["\U0001f600", math.inf]


def test_a_small_body_cannot_ask_for_a_huge_table() -> None:
    with pytest.raises(BadInputError, match="5000 rows of 5000 different columns"):
        parse(json.dumps({"dataframe_records": [{f"z{i}": 1} for i in range(5000)]}).encode())
    sparse = [{f"feature_{i % 300}": 1} for i in range(1500)]
    assert len(parse(json.dumps({"dataframe_records": sparse}).encode()).columns or ()) == 300


@pytest.mark.parametrize("values", [[2.0**53], [9007199254740993, 1.0], [float("nan")], [1.5]])
def test_a_tensor_of_whole_numbers_takes_no_float_that_may_have_been_another_number(
    values: list[Any],
) -> None:
    with pytest.raises(BadInputError, match="must be whole numbers"):
        tensor(values, np.dtype("int64"), (-1,))
    assert tensor([2.0**53 - 1, 3], np.dtype("int64"), (-1,)).tolist() == [2**53 - 1, 3]
    assert tensor([9007199254740993], np.dtype("int64"), (-1,)).tolist() == [9007199254740993]
