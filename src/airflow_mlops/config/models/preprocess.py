"""The section of the steps before an estimator that cannot take the columns as they are."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import FieldError, StrictInt, Text, check_bool
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.training.core.preprocessing import CATEGORY, DATE, MAX_LEVELS, NUMBER, TEXT, Wishes

AUTO: Final = "auto"
_LISTS: Final = {"number": NUMBER, "category": CATEGORY, "date": DATE, "text": TEXT}


def check_scale(value: object) -> object:
    """Return true, false or None; raises ValueError for anything else."""
    return None if value is None else check_bool(value)


class Preprocess(Section):
    """Steps before the estimator: chosen by column type, where no list names the column."""

    number: tuple[Text, ...] = Field((), description="Features that are numbers, also when they are text.")
    category: tuple[Text, ...] = Field(
        (), description="Features that are categories, also when they are numbers."
    )
    date: tuple[Text, ...] = Field((), description="Features that are dates, as ISO 8601 when they are text.")
    text: tuple[Text, ...] = Field(
        (), description="Features that are free text, whose words are weighed by TF-IDF."
    )
    drop: tuple[Text, ...] = Field((), description="Features that are left out.")
    max_levels: StrictInt = Field(
        MAX_LEVELS,
        ge=2,
        le=255,
        description="Most levels of a category for one-hot, or for the estimator's own categories; with more "
        "it is target encoded.",
    )
    scale: Annotated[bool | None, BeforeValidator(check_scale)] = Field(
        None, description="Whether numbers are scaled; when left out, if the estimator needs it."
    )

    @model_validator(mode="after")
    def _named_once(self) -> Preprocess:
        seen: dict[str, str] = {}
        for kind in (*_LISTS, "drop"):
            for name in getattr(self, kind):
                if name in seen:
                    raise FieldError(f"{name!r} is a duplicate, it is in `{seen[name]}`: name it once", kind)
                seen[name] = kind
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The features that the section names."""
        return tuple(name for kind in (*_LISTS, "drop") for name in getattr(self, kind))

    @property
    def wishes(self) -> Wishes:
        """What planning has to follow."""
        return Wishes(
            kinds={name: kind for key, kind in _LISTS.items() for name in getattr(self, key)},
            drop=frozenset(self.drop),
            scale=self.scale,
            max_levels=self.max_levels,
        )


def preprocess_mapping(value: object) -> object:
    """Return ``auto`` as the empty section; raises ValueError for any other word."""
    if value == AUTO:
        return {}
    if isinstance(value, str):
        hint = did_you_mean(value, (AUTO, "off"))
        raise ValueError(f"must be auto, off or a mapping of kinds of columns, got {value!r:.80}{hint}")
    return value


def as_auto(section: Preprocess) -> Any:
    """Return the section as it is written: ``auto`` when no key differs from its default."""
    changed = section.model_dump(mode="json", exclude_defaults=True)
    return changed or AUTO
