"""What a record of an earlier release, which lacks fields, is taken to say."""

from __future__ import annotations

import dataclasses
from typing import Any


def said_by_default(kind: Any) -> dict[str, Any]:
    """Return the fields of a dataclass whose default is not empty, with that default."""
    found = {}
    for field in dataclasses.fields(kind):
        if field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        elif field.default is not dataclasses.MISSING:
            found[field.name] = field.default
    return {name: value for name, value in found.items() if value}
