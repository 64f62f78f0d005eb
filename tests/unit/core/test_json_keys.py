"""Any mapping comes back from JSON with the keys that it had."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.json_keys import with_own_keys, with_text_keys

keys = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
keys |= st.text(max_size=5) | st.none()
trees = st.recursive(
    st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def kinds(value: Any) -> Any:
    """Return a value with the type of each key: 1, 1.0 and True are equal, but not the same."""
    if isinstance(value, dict):
        return [(type(key), key, kinds(item)) for key, item in value.items()]
    return [kinds(item) for item in value] if isinstance(value, list | tuple) else value


@given(trees)
def test_any_value_comes_back_from_json_with_its_keys(value: Any) -> None:
    there = with_text_keys(value)
    back = with_own_keys(json.loads(json.dumps(there)))
    assert kinds(back) == kinds(value)
    assert kinds(with_own_keys(back)) == kinds(value)  # twice does no harm


def test_mappings_with_text_keys_look_in_json_as_they_did() -> None:
    value = {"a": {"0": 1, "b": (1, 2)}}
    assert with_text_keys(value) == {"a": {"0": 1, "b": [1, 2]}}


def test_a_mapping_that_looks_like_pairs_by_chance_is_kept() -> None:
    for value in ({"$pairs": [[0, 1]]}, {"$pairs": "text"}, {"$pairs": {"a": 1}}):
        assert with_own_keys(with_text_keys(value)) == value
    for pairs in ([[0, 1], [0, 2]], [[0, 1], "ab"], [[0]], [[0, 1, 2]], [[[0], 1]], [[{"a": 1}, 1]], [7]):
        assert with_own_keys({"$pairs": pairs}) == {"$pairs": pairs}
    assert with_own_keys({"$pairs": [[0, 1]], "other": 2}) == {"$pairs": [[0, 1]], "other": 2}


def test_what_another_release_wrote_is_read() -> None:
    assert with_text_keys({0: 1, True: (2,)}) == {"$pairs": [[0, 1], [True, [2]]]}
    assert with_own_keys({"$pairs": [[0, 1], [None, [2]]]}) == {0: 1, None: [2]}
    assert with_own_keys(({"$pairs": [(0, 1)]},)) == ({0: 1},)
