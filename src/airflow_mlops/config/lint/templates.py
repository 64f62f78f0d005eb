"""Rules about templates: Jinja can read them, and Airflow has what they ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.finding import Finding, Subject, texts
from airflow_mlops.config.lint.source import NotChecked, NotThere
from airflow_mlops.core.nearest import did_you_mean

_RULE: Final = "templates"
_CONTEXT: Final = "airflow.sdk.definitions.context.Context"
_FILTERS: Final = ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz")
_MARKED: Final = re.compile(r"{{|{%|{#")


def templates(subject: Subject) -> Iterator[Finding]:
    """Every template can be parsed, with filters and names that Airflow knows."""
    found = [(path, text) for path, text in texts(subject.values) if _MARKED.search(text)]
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
            shown = str(error.message).splitlines()[0].rstrip(".")
            yield Finding(_RULE, path, f"not a template that Jinja can read: {shown}, got {text!r:.80}")
            continue
        except (RecursionError, MemoryError):
            yield Finding(_RULE, path, f"a template that is nested too deeply, got {text!r:.80}")
            continue
        for name in sorted(meta.find_undeclared_variables(tree) - known) if known else ():
            hint = did_you_mean(name, known)
            yield Finding(_RULE, path, f"Airflow has no {name!r} for a template{hint}")


def _known(subject: Subject) -> set[str]:
    """Return the names that Airflow gives to templates, or nothing when its source cannot be read."""
    try:
        return set(lineage(subject.sources.find(_CONTEXT), subject.sources).fields())
    except (NotChecked, NotThere):
        return set()
