"""Files that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

SUFFIX: Final = ".tmp"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_bytes(path: str | Path, content: bytes, *, mode: int = 0o666, dir_fd: int | None = None) -> None:
    """Replace a local file with ``content``; a reader sees the old file or the new one, never a part.

    :param mode: permissions of the file, before the umask.
    :param dir_fd: descriptor of the folder that a relative ``path`` is resolved against.

    Raises OSError; no temporary file is left behind then.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(Path(folder) / "state", b"42")
    ...     [(file.name, file.read_bytes()) for file in Path(folder).iterdir()]
    [('state', b'42')]
    """
    temporary = temporary_name(str(path))
    descriptor = os.open(temporary, _NEW, mode, dir_fd=dir_fd)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(content)
        os.rename(temporary, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=dir_fd)
        raise


def write_json(path: str | Path, value: Any) -> None:
    """Replace a local file with ``value`` as JSON, as ``write_bytes`` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "run.json", ["ingest"])
    ...     json.loads((Path(folder) / "run.json").read_text())
    ['ingest']
    """
    write_bytes(path, json.dumps(value, indent=1).encode())


@contextmanager
def replacing(fs: Any, path: str) -> Iterator[IO[bytes]]:
    """Yield a binary file to write on any fsspec file system; it takes the name ``path`` when it is complete.

    Missing folders are created. After an error nothing is left under either name.

    >>> import fsspec
    >>> memory = fsspec.filesystem("memory")
    >>> with replacing(memory, "/rows/train.bin") as file:
    ...     _ = file.write(b"rows")
    >>> memory.ls("/rows", detail=False), memory.cat_file("/rows/train.bin")
    (['/rows/train.bin'], b'rows')
    """
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    temporary = temporary_name(path)
    try:
        with fs.open(temporary, "wb") as file:
            yield file
        fs.mv(temporary, path)
    except BaseException:
        if fs.exists(temporary):
            fs.rm(temporary)
        raise


@dataclass
class Unnamed:
    """A binary file that gets a name when it is complete, or none."""

    file: IO[bytes]
    path: str | None = None
    """The name that it shall have; None when it is not complete."""


@contextmanager
def unnamed(fs: Any, folder: str) -> Iterator[Unnamed]:
    """Yield a new binary file in a folder of any fsspec file system, which takes its name at the end.

    A file that has the name already is left as it is. After an error, and without a name, nothing is left.

    >>> import fsspec
    >>> memory = fsspec.filesystem("memory")
    >>> with unnamed(memory, "/windows") as new:
    ...     _ = new.file.write(b"rows")
    ...     new.path = "/windows/7a1f.bin"
    >>> memory.ls("/windows", detail=False)
    ['/windows/7a1f.bin']
    """
    fs.makedirs(folder, exist_ok=True)
    temporary = temporary_name(f"{folder}/rows")
    try:
        with fs.open(temporary, "wb") as file:
            new = Unnamed(file)
            yield new
        if new.path is not None and not fs.exists(new.path):
            fs.mv(temporary, new.path)
    finally:
        if fs.exists(temporary):
            fs.rm(temporary)


def temporary_name(path: str) -> str:
    """Return an unused name beside ``path``; it ends in ``SUFFIX``."""
    return f"{path}.{uuid.uuid4().hex}{SUFFIX}"
