"""The base class of sources: what a source of rows needs, and how it is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_mlops.core.address import shown
from airflow_mlops.data.sources.report import ReadReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pandas as pd

    from airflow_mlops.config import models
    from airflow_mlops.data.connections import Connections
    from airflow_mlops.data.sources.batches import Batches


@dataclass(frozen=True, kw_only=True)
class ReadRequest:
    """What a source is asked for.

    ``source`` is the section of the pipeline file, ``base`` the folder that relative paths start from,
    ``connections`` finds Airflow connections. Rows with ``start <= time < end`` are wanted, where ``time``
    is the event-time column, if there may be one; a bound that is None is open. ``format`` is the declared
    format of the column's text and numbers, ``timezone`` the zone of its times without an offset. Each file
    must have the columns ``needed``. ``columns`` says which ones are used, besides those in ``kept``; a
    source may leave others unread, which are then in ``unread``. What a reader notices, and rows that it
    leaves out, go to ``report``.
    """

    source: models.Source
    base: Path
    connections: Connections
    time: str | None = None
    format: str | None = None
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    needed: tuple[str, ...] = ()
    columns: models.Columns | None = None
    kept: tuple[str, ...] = ()
    unread: dict[str, None] = field(default_factory=dict)
    report: ReadReport = field(default_factory=ReadReport)

    def used(self, names: Sequence[str]) -> list[str]:
        """Return those of a source's columns that are used, and note the others as unread."""
        chosen = self.columns
        if chosen is None or not (chosen.use or chosen.drop):
            return list(names)
        found = [
            name
            for name in names
            if name in self.kept or (name in chosen.use if chosen.use else name not in chosen.drop)
        ]
        found = found or list(names[:1])  # the rows are counted by one
        self.unread.update(dict.fromkeys(name for name in names if name not in set(found)))
        return found


class Source(ABC):
    """A kind of source that a pipeline file names by ``type``.

    A subclass says by its class attributes what is known about it; configuration, ``lint``, ``doctor``, the
    schema and the reference page are derived from them. Its module imports nothing heavy: it is imported
    when a DAG file is parsed.
    """

    name: ClassVar[str]
    """The name in a pipeline file and in messages."""
    help: ClassVar[str]
    """What the source is, in a few words."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The keys that the section must have, out of ``filepath``, ``sql``, ``conn_id`` and ``callable``."""
    takes: ClassVar[tuple[str, ...]] = ()
    """The keys that the section may have besides."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Endings of the names of such files."""
    columns_argument: ClassVar[str] = ""
    """The key of ``load_args`` that chooses columns."""
    connection: ClassVar[Literal["storage", "database"]] = "storage"
    """What a connection leads to, for ``doctor``."""
    windowed: ClassVar[bool] = False
    """Whether the source itself leaves out the rows that are not in the window."""

    def where(self, source: models.Source) -> str:
        """Return how messages call the place of the rows."""
        return ", ".join(map(shown, source.paths)) or source.callable or source.type

    def has_landed(self, request: ReadRequest) -> bool:  # noqa: ARG002 - a query is asked at once
        """Whether there is anything to read yet; labels may land later than the rows."""
        return True

    def missing_library(self, source: models.Source) -> str:  # noqa: ARG002 - most need none
        """Return what ``pip install`` takes for a library that is not installed; an empty text for none."""
        return ""

    def header(self, file: Path, load_args: Mapping[str, Any]) -> list[str] | None:  # noqa: ARG002
        """Return the columns of a local file, or None when they are not known without reading rows."""
        return None

    def sample(self, file: Path, column: str, load_args: Mapping[str, Any]) -> list[Any]:  # noqa: ARG002
        """Return the first values of a column of a local file, or nothing when they are not known."""
        return []

    def batches(self, request: ReadRequest) -> Batches | None:  # noqa: ARG002 - most are read at once
        """Return the rows in batches, or None where ``read`` gives them: they are few, or cannot be parted.

        All batches together have the rows, the order, the notes and the errors of ``read``.
        """
        return None

    @abstractmethod
    def read(self, request: ReadRequest) -> pd.DataFrame:
        """Return the rows; those outside the window may be left out or not.

        Raises ConfigError for a wrong path, query, argument or connection, DataRejected for rows that cannot
        be parsed, BackendError when the source does not answer.
        """
