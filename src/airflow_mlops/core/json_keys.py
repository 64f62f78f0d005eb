"""Mappings in JSON whose keys are not all text.

JSON has text keys only: ``{0: 1}`` would come back as ``{"0": 1}``, and an estimator would find no class of
that name. What this package writes as JSON and reads again passes here: configurations, records, artifacts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PAIRS: Final = "$pairs"
"""The one key of a JSON mapping that stands for another mapping, as a list of its keys and values."""


def with_text_keys(value: Any) -> Any:
    """Return a value as JSON can hold it: a mapping with another key than text becomes ``{"$pairs": …}``.

    Tuples become lists.

    >>> with_text_keys({"class_weight": {0: 1, 1: 20}})
    {'class_weight': {'$pairs': [[0, 1], [1, 20]]}}
    """
    if isinstance(value, Mapping):
        plain = {key: with_text_keys(item) for key, item in value.items()}
        if all(isinstance(key, str) for key in plain) and PAIRS not in plain:
            return plain
        return {PAIRS: [[key, item] for key, item in plain.items()]}
    return [with_text_keys(item) for item in value] if isinstance(value, list | tuple) else value


def with_own_keys(value: Any) -> Any:
    """Return the value that ``with_text_keys`` was given; one that it has not changed stays as it is.

    >>> with_own_keys({"class_weight": {"$pairs": [[0, 1], [1, 20]]}})
    {'class_weight': {0: 1, 1: 20}}
    """
    if isinstance(value, Mapping):
        if len(value) == 1 and _are_pairs(value.get(PAIRS)):
            return {key: with_own_keys(item) for key, item in value[PAIRS]}
        return {key: with_own_keys(item) for key, item in value.items()}
    return type(value)(map(with_own_keys, value)) if type(value) in (list, tuple) else value


def _are_pairs(value: Any) -> bool:
    fits = isinstance(value, list | tuple) and all(
        isinstance(item, list | tuple) and len(item) == 2 and not isinstance(item[0], list | dict)
        for item in value
    )
    return fits and len({item[0] for item in value}) == len(value)  # a key twice is not one of ours
