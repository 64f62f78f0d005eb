"""Templates in a configuration: where they stand, and the times that each of them may use.

A template has the names of Airflow, in every run: also in one that has no data interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

_SIGNS: Final = ("{{", "{%", "{#")
UNRENDERABLE: Final = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What the expressions of a template raise, besides Jinja's own errors."""
AS_OF: Final = "as_of"
"""The name that this package adds: the exclusive end of the data that a run sees."""


def has_template(value: Any) -> bool:
    """Whether Jinja has something to fill in, in a text or below a mapping or list.

    >>> has_template({"source": {"filepath": "lake/{{ ds }}.csv"}}), has_template(["{ds}"])
    (True, False)
    """
    if isinstance(value, Mapping):
        return any(map(has_template, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_template, value))
    return isinstance(value, str) and any(sign in value for sign in _SIGNS)


def filled(config: Mapping[str, Any], render: Callable[[str, str], Any]) -> dict[str, Any]:
    """Return a configuration with its templates filled in by ``render(text, path of the key)``.

    >>> filled({"data": {"target": "{{ x }}"}}, lambda text, path: f"{path}: {text}")
    {'data': {'target': 'data.target: {{ x }}'}}
    """

    def fill(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {key: fill(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [fill(item, path) for item in value]
        return render(value, path) if has_template(value) else value

    found: dict[str, Any] = fill(config, "")
    return found


def time_names(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the names of times, with Airflow's values for the data interval ``[start, end)``.

    The logical date is ``start``, as it is for Airflow's timetables; ``as_of`` is ``end``.

    >>> names = time_names(datetime(2026, 1, 31), datetime(2026, 2, 1))
    >>> names["ds"], str(names["as_of"].date())
    ('2026-01-31', '2026-02-01')
    """
    import pendulum  # the type of Airflow's own dates

    first, last = pendulum.instance(start), pendulum.instance(end)
    ts = first.isoformat()
    return {
        "ds": first.strftime("%Y-%m-%d"),
        "ds_nodash": first.strftime("%Y%m%d"),
        "ts": ts,
        "ts_nodash": first.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
        "logical_date": first,
        "data_interval_start": first,
        "data_interval_end": last,
        AS_OF: last,
    }
