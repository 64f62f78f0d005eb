from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.record import Record


@dataclass(frozen=True)
class Leg:
    """A part of a record that is none itself."""

    miles: float
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JourneyForTests(Record):
    """A record with every kind of field that ours have."""

    version: ClassVar[int] = 3
    name: str
    legs: tuple[Leg, ...] = ()
    by_day: Mapping[str, Leg] = field(default_factory=dict)
    first: Leg | None = None
    last: None | Leg = None  # noqa: RUF036 - either order is valid
    extra: Mapping[str, Any] = field(default_factory=dict)
    count: int = 0


JOURNEY = JourneyForTests(
    name="x", legs=(Leg(1.5, ("a", "b")), Leg(2.0)), by_day={"mon": Leg(3.0)}, first=Leg(4.0, ("c",)),
    last=Leg(5.0),
    extra={"a": [1, {"b": (2,)}]}, count=7,
)  # fmt: skip
JSON = {
    "kind": "JourneyForTests", "version": 3, "name": "x",
    "legs": [{"miles": 1.5, "stops": ["a", "b"]}, {"miles": 2.0, "stops": []}],
    "by_day": {"mon": {"miles": 3.0, "stops": []}}, "first": {"miles": 4.0, "stops": ["c"]},
    "last": {"miles": 5.0, "stops": []},
    "extra": {"a": [1, {"b": [2]}]}, "count": 7,
}  # fmt: skip


def test_a_record_is_plain_json_and_back() -> None:
    assert JOURNEY.to_json() == JSON
    back = JourneyForTests.from_json(json.loads(json.dumps(JSON)))
    assert back.legs == JOURNEY.legs
    assert (back.by_day, back.first, back.last) == (JOURNEY.by_day, JOURNEY.first, JOURNEY.last)
    assert back.count == 7
    assert back.extra == {"a": [1, {"b": [2]}]}
    assert Record.from_json(JSON) == back


def test_fields_that_are_missing_have_their_default_and_unknown_ones_are_left_out() -> None:
    found = JourneyForTests.from_json({"kind": "JourneyForTests", "name": "x", "added_later": 1})
    assert found == JourneyForTests(name="x")
    assert JourneyForTests.from_json({**JSON, "first": None}).first is None


def test_a_whole_number_in_json_is_a_float_where_one_is_meant() -> None:
    found = JourneyForTests.from_json({**JSON, "legs": [{"miles": 2}]}).legs[0]
    assert isinstance(found.miles, float)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"version": 1}, "expected a JourneyForTests record, got kind None"),
        ({"kind": "Nothing", "version": 1}, "got kind 'Nothing'"),
        ({"kind": "DatasetRef", "version": 1}, "expected a JourneyForTests record, got kind 'DatasetRef'"),
        ({**JSON, "version": 4}, "JourneyForTests record has version 4, this release reads up to 3: upgrade"),
    ],
)
def test_what_cannot_be_read_says_why(data: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        JourneyForTests.from_json(data)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_records_of_earlier_releases_are_read(version: int) -> None:
    assert JourneyForTests.from_json({**JSON, "version": version}).name == "x"


def test_only_what_has_a_known_kind_and_a_version_is_a_record() -> None:
    assert Record.is_record(JSON)
    assert not Record.is_record({"kind": "JourneyForTests"})
    assert not Record.is_record({"kind": "Nothing", "version": 1})
    assert not Record.is_record({})


def test_a_record_without_words_has_an_empty_summary() -> None:
    assert (JOURNEY.summary, JOURNEY.rejection) == ("", "")
    assert JourneyForTests.summary_of_all([JOURNEY, JOURNEY]) == "; "
    assert Record().to_json() == {"kind": "Record", "version": 1}


def test_a_record_class_takes_no_keywords_that_mean_nothing() -> None:
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        type("OddForTests", (Record,), {}, odd=True)
