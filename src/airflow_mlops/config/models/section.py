"""The base of all sections of a pipeline file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """Base of all sections: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        """Build a section in Python; raises ConfigError that lists every fault with the path of its key."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            from airflow_mlops.config.explain import config_error_from

            raise config_error_from(type(self), values, error) from None

    # Marks this as pydantic's own __init__, so that model_validate (for files) does not call it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]
