"""The files that a source's path leads to: one file, a folder, a pattern, or a list of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fsspec.implementations.local import LocalFileSystem

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.core.file_names import (
    PATTERN,
    all_whole,
    is_archive,
    is_ignored,
    is_leftover,
    is_typed,
    partition_values,
    table_format,
)
from airflow_mlops.data.sources.quoting import such_as
from airflow_mlops.data.sources.report import ReadReport, named
from airflow_mlops.storage.locations import Location, exists

_KEY: Final = "data.source.filepath"
_OF_DATES: Final = 2
"""Digits of a month or a day."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: ``path`` on ``fs``, below ``root``; messages call it ``name``."""

    fs: Any
    path: str
    name: str
    root: str

    @property
    def folders(self) -> str:
        """The folders between the source's path and the file."""
        return self.path.removeprefix(self.root).strip("/").rpartition("/")[0]

    @property
    def partitions(self) -> dict[str, str | None]:
        """The columns that the names of these folders hold."""
        return partition_values(self.folders)

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk of this machine."""
        return isinstance(self.fs, LocalFileSystem)


def note_other_values(
    file: SourceFile, name: str, value: str | None, values: Iterable[Any], report: ReadReport
) -> None:
    """Report a column whose values in a file are not that in the name of its folder; those count."""
    found = {str(item) for item in values}
    whole = {str(int(value))} if value and all_whole([value]) else set()
    if not found <= {str(value), *whole}:
        report.note(
            f"column {name!r} of {file.name} has other values than the name of its folder, {value}: those in "
            "the file count"
        )


@dataclass(frozen=True)
class Lister:
    """Lists files whose names have one of ``suffixes``; ``kind`` is what messages call such files."""

    kind: str
    suffixes: Sequence[str]
    report: ReadReport
    may_have_no_suffix: bool = False

    def files(self, places: Sequence[Location]) -> list[SourceFile]:
        """Return the files of all places in the order of their names, each once.

        Raises ConfigError for a place without such a file, a broken link or a loop of links.
        """
        found = [file for place in places for file in self._of(place)]
        files: dict[str, SourceFile] = {}
        for file in sorted(found, key=lambda file: (file.path, len(file.root))):
            real = os.path.realpath(file.path) if file.is_local else file.path
            if real not in files:
                files[real] = file
            elif files[real].path != file.path:
                self.report.note(f"{file.name} and {files[real].name} are the same file: it is read once")
        self._note_codes(list(files.values()))
        return list(files.values())

    def _note_codes(self, files: Sequence[SourceFile]) -> None:
        """Report codes in the names of folders that lose their zeros; months and days have two digits."""
        for name in dict.fromkeys(name for file in files for name in file.partitions):
            values = [file.partitions[name] for file in files if name in file.partitions]
            code = next((text for text in values if text and text[0] == "0" and len(text) > _OF_DATES), None)
            if code and all_whole(values):
                shown = such_as([code], samples=self.report.samples)
                self.report.note(
                    f"column {name!r} in the names of folders is read as whole numbers without their leading "
                    f"zeros{shown}"
                )

    def _of(self, place: Location) -> list[SourceFile]:
        if exists(place):
            if place.fs.isdir(place.path):
                return self._of_folder(place)
            if is_archive(place.path):
                raise ConfigError(f"{place.shown} is an archive of several files: unpack it into a folder")
            return [_file(place, place.path, place.path)]
        # Of a web address what follows the question mark is the query.
        if PATTERN.search(place.path.partition("?")[0] if place.path.startswith("http") else place.path):
            return self._of_pattern(place)
        if place.fs.__class__ is LocalFileSystem and Path(place.path).is_symlink():
            raise ConfigError(f"{_KEY}: {_broken(place.path)}")
        raise ConfigError(_missing(place))

    def _of_folder(self, place: Location) -> list[SourceFile]:
        paths = list(_walk(place, self._look))
        kept = self._chosen(paths, ignore_untyped=True)
        if not kept:
            seen = f"; it has {named([path.rpartition('/')[2] for path in paths])}" if paths else ""
            ends = " or ".join(self.suffixes)
            raise ConfigError(f"{_KEY}: no {self.kind} file ({ends}) in {place.shown}{seen}")
        return [_file(place, path, place.path) for path in kept]

    def _of_pattern(self, place: Location) -> list[SourceFile]:
        root = place.path[: PATTERN.search(place.path).start()].rpartition("/")[0]  # type: ignore[union-attr]
        below = [path for path in place.fs.glob(place.path) if not _hidden(path.removeprefix(root))]
        files: list[str] = []
        folders: list[str] = []
        for path in below:
            (folders if place.fs.isdir(path) else files).append(path)
        inside = [item for path in folders for item in _walk(Location(place.fs, path, path), self._look)]
        kept = self._chosen([*files, *inside], ignore_untyped=False)
        if not kept:
            raise ConfigError(f"{_KEY}: no {self.kind} file matches the pattern {place.shown}")
        return [_file(place, path, root) for path in kept]

    def _look(self, folder: str, names: Sequence[str]) -> None:
        """Refuse a folder whose files alone are not its rows."""
        found = table_format(names) if self.kind == "parquet" else None
        if found:
            raise ConfigError(
                f"{folder} is a table of {found}: its files hold rows that were deleted or replaced as well; "
                "read it by a function of its own library (type: callable)"
            )

    def _chosen(self, paths: Sequence[str], *, ignore_untyped: bool) -> list[str]:
        """Return the files of the type; without one, those with no ending or the pattern's own."""
        typed = [path for path in paths if is_typed(path, self.suffixes)]
        others = [path for path in paths if path not in set(typed)]
        if not typed and not ignore_untyped:
            typed = [path for path in others if not is_leftover(path) and not is_archive(path)]
        elif not typed and self.may_have_no_suffix:
            typed = [path for path in others if "." not in path.rpartition("/")[2]]
        left = [path.rpartition("/")[2] for path in others if path not in set(typed)]
        if typed and left:
            ends = " or ".join(self.suffixes)
            self.report.note(f"not read, since names of {self.kind} files end with {ends}: {named(left)}")
        return typed


def _file(place: Location, path: str, root: str) -> SourceFile:
    """Return a file below a place, which is named as the place was written."""
    scheme, same, _ = place.uri.rstrip("/").rpartition(place.path.rstrip("/"))
    name = f"{scheme}{path}" if same else place.fs.unstrip_protocol(path)
    return SourceFile(place.fs, path, shown(name), root)


def _hidden(path: str) -> bool:
    return any(is_ignored(part) for part in path.split("/") if part)


def _walk(place: Location, look: Callable[[str, Sequence[str]], None]) -> Iterator[str]:
    """Yield the files below a folder that are not hidden; ``look`` sees the names in each local folder."""
    if isinstance(place.fs, LocalFileSystem):
        yield from _walk_local(place.path, look, (), set())
        return
    below = place.fs.find(place.path)
    inside = [path.removeprefix(place.path).strip("/") for path in below]
    look(place.shown, [part for path in inside for part in path.split("/")])
    for path, rest in zip(below, inside, strict=True):
        if rest and not path.endswith("/") and not _hidden(rest):
            yield path


def _walk_local(
    folder: str, look: Callable[[str, Sequence[str]], None], above: tuple[str, ...], seen: set[str]
) -> Iterator[str]:
    """Walk one folder and those in it; ``above`` are the real paths of the folders that led here."""
    real = os.path.realpath(folder)
    if real in above:
        raise ConfigError(f"{folder} is a link to a folder above it: remove the link, or name the files")
    if real in seen:  # two links to one folder: its files are there once already
        return
    seen.add(real)
    names = sorted(entry.name for entry in Path(folder).iterdir())
    look(folder, names)
    for name in names:
        path = f"{folder.rstrip('/')}/{name}"
        if is_ignored(name):
            continue
        if Path(path).is_dir():
            yield from _walk_local(path, look, (*above, real), seen)
        elif Path(path).is_file():
            yield path
        elif Path(path).is_symlink():
            raise ConfigError(_broken(path))


def _broken(path: str) -> str:
    return f"{path} is a link to {Path(path).readlink()}, which cannot be opened: remove or correct the link"


def _missing(place: Location) -> str:
    folder, _, name = place.path.rpartition("/")
    listed = (
        [entry.rpartition("/")[2] for entry in place.fs.ls(folder, detail=False)]
        if place.fs.exists(folder)
        else []
    )
    return f"{_KEY}: no such file {place.shown}{did_you_mean(name, listed)}"
