"""Templates of a pipeline file, rendered with the values that Airflow gives them at the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from airflow_mlops.config.templates import UNRENDERABLE, filled, has_template, time_names
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean


def rendered(
    config: Mapping[str, Any], *, start: datetime, end: datetime, run_id: str, where: str
) -> dict[str, Any]:
    """Return an effective configuration with its templates filled in.

    ``start`` and ``end`` are the run's data interval, see ``time_names``. Raises ConfigError for a template
    that asks for what only Airflow knows.
    """
    if not has_template(config):
        return dict(config)
    known = _values(start, end, run_id)
    environment = _environment()
    return filled(config, lambda text, path: _filled(text, environment, known, f"{where}: {path}"))


def _filled(text: str, environment: Any, known: Mapping[str, Any], where: str) -> str:
    from jinja2 import TemplateError, UndefinedError
    from jinja2.meta import find_undeclared_variables

    try:
        asked = find_undeclared_variables(environment.parse(text)) - set(known) - set(environment.globals)
        if not asked:
            return str(environment.from_string(text).render(known))
    except UndefinedError as error:
        raise ConfigError(f"{where}: {text!r}: {error.message}; a run without Airflow lacks it") from error
    except (TemplateError, *UNRENDERABLE) as error:
        raise ConfigError(f"{where}: {text!r} cannot be rendered: {error}") from error
    name = min(asked)
    raise ConfigError(
        f"{where}: {text!r} asks for {name!r}{did_you_mean(name, known)}, which only Airflow knows; "
        f"a run without it knows {', '.join(known)}: set another value in a profile"
    )


def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, extensions=["jinja2.ext.do"], cache_size=0)
    environment.filters |= {"ds": _ds, "ts": lambda at: at.isoformat(), "ds_nodash": _ds_nodash}
    environment.filters |= {"ts_nodash": _ts_nodash, "ts_nodash_with_tz": _ts_nodash_with_tz}
    return environment


def _values(start: datetime, end: datetime, run_id: str) -> dict[str, Any]:
    return {
        **time_names(start, end),
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
