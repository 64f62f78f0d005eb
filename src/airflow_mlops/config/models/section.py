"""The base of all sections of a pipeline file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """Base of all sections: frozen, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        """Build a section in Python; raises ConfigError that tells every fault by the path of its key."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            from airflow_mlops.config.explain import told_without_a_file

            raise told_without_a_file(type(self), values, error) from None

    # Says that this is pydantic's own __init__: a file's sections are built without it, as ever.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]
