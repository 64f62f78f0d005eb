"""What is said about the format of a model, and the types that loading it builds."""

from __future__ import annotations

import pytest

from airflow_mlops.core.records.model_format import CLOUDPICKLE, SKOPS, ModelFormat
from tests.support.defaults import said_by_default


@pytest.mark.parametrize(
    ("name", "loading"),
    [
        ("cloudpickle", "loading it runs code of the model"),
        ("skops", "loading it builds objects of listed types, and runs no code of the model"),
    ],
)
def test_a_format_says_what_loading_it_does(name: str, loading: str) -> None:
    found = ModelFormat(name, "the file says so")
    assert found
    assert (found.choice, str(found)) == (
        f"{name} (the file says so): {loading}",
        f"{name} (the file says so)",
    )


def test_eight_types_are_named_and_the_others_counted() -> None:
    types = tuple(f"a.T{number}" for number in range(1_008))
    named = ", ".join(types[:8])
    assert ModelFormat("skops", "w", types[:8]).types == named
    assert ModelFormat("skops", "w", types[:9]).types == f"{named} and 1 more"
    assert ModelFormat("skops", "w", types).types == f"{named} and 1,000 more"
    assert str(ModelFormat("skops", "w", types[:1])) == "skops (w); trusted types: a.T0"


def test_a_format_of_before_is_not_known() -> None:
    unknown = ModelFormat()
    assert not unknown
    assert (unknown.choice, unknown.types, str(unknown)) == ("", "", "")
    assert said_by_default(ModelFormat) == {}
    assert (CLOUDPICKLE, SKOPS) == ("cloudpickle", "skops")  # records of before have these words
