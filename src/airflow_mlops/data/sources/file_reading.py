"""Reading files on any storage: one file, a folder, a pattern, or a list of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import pandas as pd

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.data.core.file_names import PATTERN, unpacked
from airflow_mlops.data.sources import batches
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.listing import Lister, SourceFile
from airflow_mlops.storage.locations import Location, exists, locate, not_reached

_PACKED: Final = 8
"""How many bytes of text a compressed byte is taken for."""
Reader = Callable[[Sequence[SourceFile], ReadRequest], pd.DataFrame]


def read_files(request: ReadRequest, lister: Lister, reader: Reader) -> pd.DataFrame:
    """Return the rows that ``reader`` finds in the files of a request.

    The window is a hint: rows outside it are left out where that saves reading them. Raises ConfigError for
    a wrong path, connection or reader argument, DataRejected for a file that cannot be parsed, BackendError
    when storage does not answer.
    """
    return reader(files_of(request, lister), request).reset_index(drop=True)


def files_of(request: ReadRequest, lister: Lister) -> list[SourceFile]:
    """Return the files of a request; raises ConfigError for a wrong path or connection, or BackendError."""
    places = locations_of(request)
    try:
        return lister.files(places)
    except OSError as error:
        raise not_reached(str(error.filename or places[0].shown), error) from error


def are_large(files: Sequence[SourceFile], *, packed: bool = False) -> bool:
    """Whether files have more bytes than are read at once, by an estimate for those that are ``packed``."""
    sizes = (
        (file.fs.size(file.path) or 0) * (_PACKED if packed or unpacked(file.path)[1] else 1)
        for file in files
    )
    return sum(sizes) > batches.WHOLE_BYTES


def has_files(request: ReadRequest) -> bool:
    """Whether one of the places of a request has a file: itself, in its folder or by its pattern.

    Raises ConfigError for a wrong connection, BackendError when storage does not answer.
    """
    return any(_has_file(place) for place in locations_of(request))


def _has_file(place: Location) -> bool:
    try:
        if place.fs.isdir(place.path):
            return bool(place.fs.find(place.path))
        if exists(place):
            return True
        return bool(PATTERN.search(place.path) and place.fs.glob(place.path))
    except OSError as error:
        raise BackendError(f"cannot reach {place.shown}: {error}") from error


def locations_of(request: ReadRequest) -> list[Location]:
    """Return where the files are, opened with the connection that the source names, if it does.

    A local path, such as that of a profile over a URI, needs none. Raises ConfigError for a connection that
    is not there.
    """
    return [_location(path, request) for path in request.source.paths]


def _location(path: str, request: ReadRequest) -> Location:
    conn_id = request.source.conn_id
    scheme = urlsplit(path).scheme if "://" in path else "file"
    if conn_id is None or scheme == "file":
        return locate(path, request.base)
    try:
        storage = request.connections.file_system(conn_id, scheme)
    except ConfigError as error:
        raise ConfigError(f"{shown(path)}: {error}") from error
    return locate(path, request.base, storage)
