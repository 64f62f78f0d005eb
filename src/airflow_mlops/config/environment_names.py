"""Names of environment variables in a text: nothing replaces them, so they are refused wherever they are."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"\$\{\s*[A-Za-z_][^{}\n]*\}")


def environment_name_in(text: str) -> str | None:
    """Return what is wrong with a text that has a ``${NAME}``, or None.

    >>> environment_name_in("${LAKE}/rows.csv").partition(":")[0]
    '${LAKE} is not replaced'
    >>> environment_name_in("{{ var.value.lake }}/rows.csv"), environment_name_in(r"^[a-z]${2}")
    (None, None)
    """
    found = _NAME.search(text) if "${" in text else None
    if found is None:
        return None
    return (
        f"{found[0][:80]} is not replaced: a pipeline file does not read environment variables; "
        "write the value, set it in a profile, or use an Airflow variable, as '{{ var.value.name }}'"
    )
