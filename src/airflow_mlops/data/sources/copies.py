"""Files that are copies of each other, whose rows would be there more than once."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import Final

from airflow_mlops.data.core.file_names import unpacked
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.report import ReadReport, named

_CHUNK: Final = 1 << 20


def note_copies(files: Sequence[SourceFile], report: ReadReport) -> None:
    """Report files with the same content, and a file beside its compressed form; each must have rows.

    Two partitions of other values may well hold the same rows.
    """
    by_size: dict[Hashable, list[SourceFile]] = {}
    for file in files if len(files) > 1 else ():
        by_size.setdefault((file.fs.size(file.path), *file.partitions.items()), []).append(file)
    by_content: dict[str, list[str]] = {}
    for same in by_size.values():
        for file in same if len(same) > 1 else ():
            by_content.setdefault(_digest(file), []).append(file.name)
    for names in by_content.values():
        if len(names) > 1:
            report.note(f"{named(names)} have the same content: their rows are there more than once")
    plain = {file.path: file.name for file in files}
    for file in files:
        short, compression = unpacked(file.path)
        other = f"{file.path[: -len(file.path.rpartition('/')[2])]}{short}"
        if compression and other in plain:
            report.note(f"{plain[other]} and {file.name} are both read: are their rows the same?")


def _digest(file: SourceFile) -> str:
    found = hashlib.sha256()
    with file.fs.open(file.path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
