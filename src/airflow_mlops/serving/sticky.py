"""Sticky routing: the same caller meets the same version, chosen by a hash of a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.payload import Payload


@dataclass(frozen=True)
class StickyKey:
    """Where the key of a request is: a ``header``, or the first row's value of a ``column``."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> StickyKey:
        """Read ``header:NAME`` or ``column:NAME``; raises ConfigError.

        >>> StickyKey.parse("header:X-User")
        StickyKey(kind='header', name='x-user')
        """
        kind, _, name = text.partition(":")
        if kind not in ("header", "column") or not name:
            raise ConfigError(f"--sticky must be header:NAME or column:NAME, got {text!r}")
        return cls(kind, name.lower() if kind == "header" else name)

    def of(self, headers: Mapping[str, str], payload: Payload) -> str | None:
        """Return the key of a request, None when it has none."""
        if self.kind == "header":
            return headers.get(self.name)
        column = (payload.columns or {}).get(self.name)
        return None if not column or column[0] is None else str(column[0])


def hashed(key: str, canary: int) -> int:
    """Return 63 bits of a key; other callers come first with every canary."""
    digest = blake2b(f"{canary}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def draw_of(key: int) -> float:
    """Return the number in [0, 1) that routes a hashed key: a larger share keeps the callers of a smaller.

    >>> user = hashed("user-1", canary=2)
    >>> round(draw_of(user), 3), hashed("user-1", canary=3) == user
    (0.137, False)
    """
    return (key >> 10) / 2**53
