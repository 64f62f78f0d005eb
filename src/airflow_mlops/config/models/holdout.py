"""The section of the hold-out: which rows a model is judged on."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ConfigDict, Field, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.models.source import Source
from airflow_mlops.config.values import Duration, FieldError, StrictFloat, Timestamp


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

    @model_validator(mode="after")
    def _one_way(self) -> Holdout:
        ways = {"share": self.share, "last": self.last, "from": self.start, "source": self.source}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise FieldError(f"must be left out beside `{given[0]}`: write one of {_listed(ways)}", given[1])
        if self.source is not None and self.gap is not None:
            raise FieldError("must be left out beside `source`: a test set of its own has no gap", "gap")
        if not given and self.gap is None:
            raise ValueError(f"needs one of {_listed(ways)}")
        return self


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
