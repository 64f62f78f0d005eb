"""What a model may cost when it is served: the time of one row, and the size of its files."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import FieldError

_SECONDS: Final = {"ms": 1e-3, "s": 1.0}
_BYTES: Final = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_LATENCY: Final = r"\s*(\d+(?:\.\d+)?)\s*(ms|s)\s*"
_SIZE: Final = r"\s*(\d+(?:\.\d+)?)\s*(kB|MB|GB|Ki|Mi|Gi)\s*"


def seconds_of(text: str) -> float:
    """Return the seconds of ``50ms`` or ``0.2s``; raises ValueError for anything else.

    >>> seconds_of("50ms")
    0.05
    """
    match = re.fullmatch(_LATENCY, text)
    if match is None or not float(match[1]):
        raise ValueError(f"a latency must be positive and written as 50ms or 0.2s, got {text!r:.80}")
    return float(match[1]) * _SECONDS[match[2]]


def bytes_of(text: str) -> float:
    """Return the bytes of ``200MB`` or ``1.5Gi``; raises ValueError for anything else.

    >>> bytes_of("200MB")
    200000000.0
    """
    match = re.fullmatch(_SIZE, text)
    if match is None or not float(match[1]):
        raise ValueError(f"a size must be positive and written as 200MB or 512Mi, got {text!r:.80}")
    return float(match[1]) * _BYTES[match[2]]


def _latency(text: str) -> str:
    seconds_of(text)
    return text.strip()


def _size(text: str) -> str:
    bytes_of(text)
    return text.strip()


Latency = Annotated[
    str, AfterValidator(_latency), WithJsonSchema({"type": "string", "pattern": f"^{_LATENCY}$"})
]
ModelSize = Annotated[str, AfterValidator(_size), WithJsonSchema({"type": "string", "pattern": f"^{_SIZE}$"})]


class Budget(Section):
    """What the logged model may cost; a model that is beyond is refused."""

    latency: Latency | None = Field(None, description="Time to predict one row, such as `50ms`.")
    size: ModelSize | None = Field(
        None, description="Size of all files of the logged model, such as `200MB`."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Budget:
        if self.latency is None and self.size is None:
            raise FieldError("needs at least one limit: write `latency` or `size`", "latency")
        return self
