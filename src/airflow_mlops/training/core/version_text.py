"""What a version is, in a few sentences that a person reads in the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from airflow_mlops.core.records import DatasetRef, Evaluation
from airflow_mlops.core.records.data import to_minute
from airflow_mlops.core.tags import GIT_CHANGED, GIT_COMMIT, LEARNED, MODEL_FORMAT

_COMMIT: Final = 10
"""Characters that are shown of a commit."""


def learned_text(estimator: str, rows: int, parts: Sequence[DatasetRef], split: str) -> str:
    """Return what was fitted to which ``rows`` of the ``parts``, and how the hold-out was chosen.

    >>> stored = DatasetRef(uri="", digest="", rows=1200, columns={})
    >>> learned_text("sklearn.linear_model.Ridge", 1200, [stored], "at random")
    'Ridge, fitted to 1,200 rows; hold-out: at random'
    """
    name, stored = estimator.replace(":", ".").rpartition(".")[2], sum(part.rows for part in parts)
    times = [part.times for part in parts if part.times]
    which = "" if rows == stored else f" of {stored:,}"
    if times and rows == stored:
        first, last = min(item.first for item in times), max(item.last for item in times)
        which = f" ({to_minute(first)} to {to_minute(last)})"
    return f"{name}, fitted to {rows:,} rows{which}; hold-out: {split}"


def version_text(evaluation: Evaluation, tags: Mapping[str, str], *, has_twin: bool = False) -> str:
    """Return the description of a version that was judged like this; ``tags`` are those of its run.

    One that ``has_twin`` has learned all rows: the figures are those of the judged twin.
    """
    who = "its judged twin" if has_twin else "it"
    sentences = [
        tags.get(LEARNED, ""),
        f"On {evaluation.rows:,} rows that {who} had not seen: {evaluation.findings}",
        _code(tags),
        f"Format: {tags[MODEL_FORMAT]}" if MODEL_FORMAT in tags else "",
    ]
    return ". ".join(sentence.rstrip(".") for sentence in sentences if sentence) + "."


def _code(tags: Mapping[str, str]) -> str:
    commit = tags.get(GIT_COMMIT, "")[:_COMMIT]
    changed = tags.get(GIT_CHANGED, "")
    return f"Code: commit {commit}" + (f", and changes in {changed}" if changed else "") if commit else ""
