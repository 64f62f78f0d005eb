"""The base of all sections of a pipeline file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """Base of all sections: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    root: ClassVar[type[Section] | None] = None
    """The section that holds all others: a message names sections where a wrong key belongs."""
    keys_of_layers: ClassVar[tuple[str, ...]] = ()
    """Keys that a file has and the section has not: they are used up when its layers are merged."""

    def __init__(self, **values: Any) -> None:
        """Build a section in Python; raises ConfigError that lists every fault with the path of its key."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            from airflow_mlops.config.explain import config_error_from
            from airflow_mlops.config.shape import Schema

            schema = Schema(type(self), Section.root or type(self))
            raise config_error_from(schema, values, error) from None

    # Marks this as pydantic's own __init__, so that model_validate (for files) does not call it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


def short_forms(*types: str) -> Callable[[dict[str, Any]], None]:
    """Return what adds the JSON types of the short forms of a section to the JSON Schema of its key."""

    def describe(schema: dict[str, Any]) -> None:
        options = schema.pop("anyOf", None) or [{"$ref": schema.pop("$ref")}]
        schema["anyOf"] = [*options, *({"type": name} for name in types)]

    return describe
