"""The answers of people to a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

APPROVE: Final = "Approve"
REJECT: Final = "Reject"
NOBODY: Final = "nobody (timed out)"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer to a request: what was ``chosen`` (``Approve`` or ``Reject``), by whom, when.

    ``by`` is the name that people read, ``user`` the id of the user, which may be another text.
    """

    by: str
    at: str = ""
    chosen: str = APPROVE
    user: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Every name of the person."""
        return frozenset(filter(None, (self.by, self.user)))

    @property
    def timed_out(self) -> bool:
        """Whether nobody answered in time."""
        return self.by == NOBODY and not self.user

    def __str__(self) -> str:
        """Person and time."""
        return f"{self.by} at {self.at}" if self.at else self.by
