from __future__ import annotations

import collections

import pytest

from airflow_mlops.core.class_table import ClassTable
from airflow_mlops.core.errors import ConfigError

TABLE: ClassTable[dict] = ClassTable(  # type: ignore[type-arg]
    "mapping", {"ordered": "collections:OrderedDict", "missing": "collections:NoSuchThing"}
)


def test_a_short_name_and_a_path_find_their_class() -> None:
    assert TABLE.names() == ("ordered", "missing")
    assert TABLE.path("ordered") == "collections:OrderedDict"
    assert TABLE.load("ordered") is collections.OrderedDict
    assert TABLE.path("collections:Counter") == "collections:Counter"
    assert TABLE.load("collections:Counter") is collections.Counter


@pytest.mark.parametrize("kind", ["orderd", "collections.Counter", "1a:B", "a:B:C", ":B", "a:", ""])
def test_a_text_that_is_neither_lists_the_known_names(kind: str) -> None:
    for use in (TABLE.check, TABLE.path, TABLE.load):
        with pytest.raises(ConfigError) as caught:
            use(kind)
        assert str(caught.value).startswith(
            f"a mapping must be 'ordered', 'missing' or a class written as package.module:Class, got {kind!r}"
        )
    near = " (did you mean ordered?)" if kind == "orderd" else ""
    assert str(caught.value).endswith(f"got {kind!r}{near}")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "cannot import the mapping 'collections:NoSuchThing'"),
        ("no_such_package:Thing", "No module named 'no_such_package'"),
        ("collections:namedtuple", "the mapping 'collections:namedtuple' must be a class, got function"),
    ],
)
def test_what_cannot_be_imported_says_why(kind: str, words: str) -> None:
    TABLE.check(kind)  # nothing is imported yet
    with pytest.raises(ConfigError, match=words):
        TABLE.load(kind)
