"""Templates of a pipeline file, rendered with the values that Airflow gives them at the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

_SIGNS: Final = ("{{", "{%", "{#")


def rendered(
    config: Mapping[str, Any], *, start: datetime, end: datetime, run_id: str, where: str
) -> dict[str, Any]:
    """Return an effective configuration with its templates filled in.

    ``start`` and ``end`` are the run's data interval; its logical date is ``start``, as it is for Airflow's
    timetables. Raises ConfigError for a template that asks for what only Airflow knows.
    """
    if not _has_template(config):
        return dict(config)
    known = _values(start, end, run_id)
    environment = _environment()

    def fill(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {key: fill(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [fill(item, path) for item in value]
        return _filled(value, environment, known, f"{where}: {path}") if isinstance(value, str) else value

    filled: dict[str, Any] = fill(config, "")
    return filled


def _filled(text: str, environment: Any, known: Mapping[str, Any], where: str) -> str:
    from jinja2 import TemplateError, UndefinedError
    from jinja2.meta import find_undeclared_variables

    try:
        asked = find_undeclared_variables(environment.parse(text)) - set(known) - set(environment.globals)
        if not asked:
            return str(environment.from_string(text).render(known))
    except UndefinedError as error:
        raise ConfigError(f"{where}: {text!r}: {error.message}; a run without Airflow lacks it") from error
    except (TemplateError, TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {text!r} cannot be rendered: {error}") from error
    name = min(asked)
    raise ConfigError(
        f"{where}: {text!r} asks for {name!r}{did_you_mean(name, known)}, which only Airflow knows; "
        f"a run without it knows {', '.join(known)}: set another value in a profile"
    )


def _has_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_template, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_template, value))
    return isinstance(value, str) and any(sign in value for sign in _SIGNS)


def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, extensions=["jinja2.ext.do"], cache_size=0)
    environment.filters |= {"ds": _ds, "ts": lambda at: at.isoformat(), "ds_nodash": _ds_nodash}
    environment.filters |= {"ts_nodash": _ts_nodash, "ts_nodash_with_tz": _ts_nodash_with_tz}
    return environment


def _values(start: datetime, end: datetime, run_id: str) -> dict[str, Any]:
    import pendulum  # the type of Airflow's own dates

    first, last = pendulum.instance(start), pendulum.instance(end)
    return {
        "ds": _ds(first),
        "ds_nodash": _ds_nodash(first),
        "ts": first.isoformat(),
        "ts_nodash": _ts_nodash(first),
        "ts_nodash_with_tz": _ts_nodash_with_tz(first),
        "logical_date": first,
        "data_interval_start": first,
        "data_interval_end": last,
        "run_id": run_id,
        "macros": SimpleNamespace(
            ds_add=_ds_add, ds_format=_ds_format, datetime=datetime, timedelta=timedelta
        ),
    }


def _ds(at: date) -> str:
    return at.strftime("%Y-%m-%d")


def _ds_nodash(at: date) -> str:
    return at.strftime("%Y%m%d")


def _ts_nodash(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%S")


def _ts_nodash_with_tz(at: datetime) -> str:
    return at.isoformat().replace("-", "").replace(":", "")


def _ds_add(ds: str, days: int) -> str:
    return _ds(date.fromisoformat(ds) + timedelta(days=days))


def _ds_format(ds: str, given: str, wanted: str) -> str:
    return datetime.strptime(ds, given).strftime(wanted)
