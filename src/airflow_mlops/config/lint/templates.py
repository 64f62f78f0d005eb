"""Rules about templates: Jinja can parse them, and Airflow has the names that they use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.finding import Finding, Subject, file_paths, sources, texts
from airflow_mlops.config.lint.libraries import NotChecked, NotThere
from airflow_mlops.config.templates import AS_OF
from airflow_mlops.core.suggestions import did_you_mean

_CONTEXT: Final = "airflow.sdk.definitions.context.Context"
_FILTERS: Final = ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz")
_MACROS: Final = frozenset(
    {"ds_add", "ds_format", "datetime_diff_for_humans", "datetime", "timedelta", "dateutil", "json", "time",
     "uuid", "random", "ds_format_locale", "hive"}
)  # fmt: skip
_SHELL_VARIABLE: Final = re.compile(r"(?<![\w$])\$[A-Z_][A-Z0-9_]*")
_SINGLE_BRACES: Final = re.compile(
    r"(?<!\{)\{\s*((?:ds|ts|as_of|run_id|logical_date|data_interval_start|data_interval_end)\w*[^{}]*?)\s*\}(?!\})"
)
_TEMPLATE_MARK: Final = re.compile(r"{{|{%|{#")


def templates(subject: Subject) -> Iterator[Finding]:
    """Every template can be parsed, with filters and names that Airflow knows."""
    found = [(path, text) for path, text in texts(subject.values) if _TEMPLATE_MARK.search(text)]
    if not found:
        return
    from jinja2 import Environment, TemplateSyntaxError, meta

    environment = Environment(autoescape=True)
    environment.filters.update(dict.fromkeys(_FILTERS, str))
    known = _known(subject)
    for path, text in found:
        try:
            tree = environment.parse(text)
            environment.compile(tree)
        except TemplateSyntaxError as error:  # unknown filters as well
            shown = str(error.message).splitlines()[0].rstrip(".") + _filter_hint(str(error.message))
            yield Finding(path, f"is not a valid Jinja template: {shown}, got {text!r:.80}")
            continue
        except (RecursionError, MemoryError):
            yield Finding(path, f"is nested too deeply for a template, got {text!r:.80}")
            continue
        for name in sorted(meta.find_undeclared_variables(tree) - known) if known else ():
            hint = did_you_mean(name, known)
            yield Finding(path, f"Airflow has no template variable {name!r}{hint}")
        for name in sorted(_macros(tree) - _MACROS):  # a plugin may bring others
            if hint := did_you_mean(name, _MACROS):
                yield Finding(path, f"Airflow has no macros.{name}{hint}")


def unexpanded_placeholder(subject: Subject) -> Iterator[Finding]:
    """No path of a source has a placeholder that nothing replaces (the loader refuses ``${NAME}``)."""
    found_in = [pair for place, source in sources(subject.pipeline) for pair in file_paths(source, place)]
    for path, text in found_in:
        if found := _SHELL_VARIABLE.search(text):
            message = f"{found[0]} is not replaced: write an Airflow variable, as '{{{{ var.value.name }}}}'"
            yield Finding(path, message)
        if found := _SINGLE_BRACES.search(text):
            yield Finding(path, f"{found[0]} is not replaced: write a template, as '{{{{ {found[1]} }}}}'")


def _filter_hint(message: str) -> str:
    match = re.search(r"No filter named '(\w+)'", message)
    return did_you_mean(match[1], _FILTERS) if match else ""


def _macros(tree: Any) -> set[str]:
    from jinja2 import nodes

    found = tree.find_all(nodes.Getattr)
    return {item.attr for item in found if isinstance(item.node, nodes.Name) and item.node.name == "macros"}


def _known(subject: Subject) -> set[str]:
    """Return the names that Airflow gives to templates, or nothing when its source cannot be read."""
    try:
        return {AS_OF, *lineage(subject.sources.find(_CONTEXT), subject.sources).fields()}
    except (NotChecked, NotThere):
        return set()
