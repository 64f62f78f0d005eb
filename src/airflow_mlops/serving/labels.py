"""What a label must be like, given its prediction, and whether the prediction was wrong."""

from __future__ import annotations

import json
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.label_ages import NUMBER

SEVERAL: Final = "#rows"
"""What stands for the predicted class of a request whose rows have several."""
OTHER: Final = "#other"
"""What stands for a predicted class beyond the first twenty of a traffic split."""


def is_wrong(predictions: str | None, label: Any) -> bool | None:
    """Return whether logged predictions (JSON) differ from the label, or the labels of all rows.

    None when nothing can be compared: nothing was logged, or the predictions are no classes. Raises
    ConfigError for a label that cannot be the truth of such a prediction: null, another type, or another
    number of rows.

    >>> is_wrong("[1]", 0), is_wrong("[1]", 1), is_wrong("[0.5]", 1)
    (True, False, None)
    >>> is_wrong("[1]", "1")
    Traceback (most recent call last):
    airflow_mlops.core.errors.ConfigError: label must be a whole number as the prediction 1 is, got "1"
    """
    found = values_of(predictions)
    several = found and (len(found) > 1 or (isinstance(label, list) and not isinstance(found[0], list)))
    expected = label if several else [label]
    if found and (not isinstance(expected, list) or len(expected) != len(found)):
        raise ConfigError(
            f"label must be a list of {len(found)} values, one for each row, got {_shown(label)}"
        )
    for place, value in enumerate(expected if isinstance(expected, list) else [expected]):
        if value is None:
            raise ConfigError("label must be the true class, got null: send it when it is known")
        if found:
            _check(found[place], value)
    if not found or any(isinstance(value, dict | list) or is_measured(value) for value in found):
        return None
    return bool(found != expected)


def values_of(predictions: str | None) -> list[Any] | None:
    """Return logged predictions (JSON) as a list; None for an object of columns, without rows to compare.

    A model that answers with one value for the whole request has one prediction.

    >>> values_of("[1, 0]"), values_of("0.5"), values_of('{"low": [1]}')
    ([1, 0], [0.5], None)
    """
    found = json.loads(predictions) if predictions else None
    if found is None or isinstance(found, dict):
        return None
    return found if isinstance(found, list) else [found]


def is_measured(value: Any) -> bool:
    """Return whether a prediction is a number that is not whole: a measure, not a class."""
    return isinstance(value, float) and not value.is_integer()


def _check(prediction: Any, label: Any) -> None:
    expected = _kind(prediction)
    if expected is None or _kind(label) == expected or (is_measured(prediction) and _kind(label) == _WHOLE):
        return
    raise ConfigError(
        f"label must be {expected} as the prediction {_shown(prediction)} is, got {_shown(label)}"
    )


_WHOLE: Final = "a whole number"


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number" if is_measured(value) else _WHOLE
    if isinstance(value, str):
        return "text"
    return None


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def predicted_class(predictions: str | None) -> str | None:
    """Return the class that logged predictions (JSON) are, as JSON; None when there is nothing to compare.

    >>> [predicted_class(text) for text in ("[1]", "[1.0, 1]", '["late"]', "[0.5]")]
    ['1', '1', '"late"', '#number']
    """
    if predictions is None:
        return None
    text = predictions[1:-1]
    if predictions[0] == "[" and text.isdecimal():  # By far the most frequent answer: one row, a class.
        return text
    found = values_of(predictions)
    if not found or any(isinstance(value, dict | list) for value in found):
        return None
    if any(map(is_measured, found)):
        return NUMBER
    first = found[0]
    if any(value != first for value in found):
        return SEVERAL
    return json.dumps(int(first) if isinstance(first, float) else first)
