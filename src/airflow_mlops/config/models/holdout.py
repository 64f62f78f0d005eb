"""The section of the hold-out: which rows a model is judged on."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict, Field, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.models.source import Source
from airflow_mlops.config.values import Duration, FieldError, StrictFloat, Timestamp

_WAYS: Final = ("share", "last", "from", "source")


class Holdout(Section):
    """The rows that a model is judged on: a share of the data, its newest part, or a test set of its own."""

    model_config = ConfigDict(populate_by_name=True)
    share: StrictFloat | None = Field(
        None, gt=0, lt=1, description="Share of rows held out, as `data.holdout`: write one of the two."
    )
    last: Duration | None = Field(
        None, description="Holds out the newest rows: those of this span up to the newest event time."
    )
    start: Timestamp | None = Field(
        None,
        alias="from",
        description="Holds out rows from this moment on; without an offset it is in `data.time.timezone`.",
    )
    gap: Duration | None = Field(
        None,
        description="Rows of this span before the hold-out do not teach: as long as labels need to land.",
    )
    source: Source | None = Field(
        None,
        description="A test set of its own: any source, read as `data.source`, whose rows then all teach.",
    )

    @property
    def ways(self) -> tuple[str, ...]:
        """The keys that are written of those that choose the rows: one, or none beside `gap`."""
        values = (self.share, self.last, self.start, self.source)
        return tuple(name for name, value in zip(_WAYS, values, strict=True) if value is not None)

    @property
    def replaces_share(self) -> bool:
        """Whether the rows are chosen here, and not by `data.holdout`."""
        return bool(self.ways) and self.source is None

    @model_validator(mode="after")
    def _one_way(self) -> Holdout:
        written, listed = self.ways, ", ".join(f"`{name}`" for name in _WAYS)
        if len(written) > 1:
            raise FieldError(f"must be left out beside `{written[0]}`: write one of {listed}", written[1])
        if self.source is not None and self.gap is not None:
            raise FieldError("must be left out beside `source`: a test set of its own has no gap", "gap")
        if not written and self.gap is None:
            raise ValueError(f"needs one of {listed}")
        return self
