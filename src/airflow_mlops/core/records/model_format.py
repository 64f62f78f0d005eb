"""The format in which a model is logged: part of the record of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLOUDPICKLE: Final = "cloudpickle"
SKOPS: Final = "skops"
_SHOWN: Final = 8
_LOADING: Final = {
    CLOUDPICKLE: "loading it runs code of the model",
    SKOPS: "loading it builds objects of listed types, and runs no code of the model",
}


@dataclass(frozen=True)
class ModelFormat:
    """The ``name`` of a format, and ``why`` it was chosen. Without a name it is not known.

    ``trusted`` are the types that loading a model in the format of skops builds, beside those that skops
    trusts by itself.
    """

    name: str = ""
    why: str = ""
    trusted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.name)

    @property
    def choice(self) -> str:
        """The format, what loading it does, and why it was chosen.

        >>> ModelFormat("skops", "the file names no code of your own").choice
        'skops (the file names no code of your own): loading it builds objects of listed types, and runs no \
code of the model'
        """
        return f"{self.name} ({self.why}): {_LOADING[self.name]}" if self else ""

    @property
    def types(self) -> str:
        """The first types that a loader trusts."""
        more = len(self.trusted) - _SHOWN
        return ", ".join(self.trusted[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")

    def __str__(self) -> str:
        """Return the format, why it was chosen, and the types that a loader trusts; empty when not known."""
        if not self:
            return ""
        trusted = f"; trusted types: {self.types}" if self.trusted else ""
        return f"{self.name} ({self.why}){trusted}"
