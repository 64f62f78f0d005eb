"""Reads a text file in bounded time and memory."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from airflow_mlops.config.faults import Fault, FileFaults
from airflow_mlops.core.errors import ConfigError

MAX_BYTES: Final = 1_000_000


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises ConfigError for a path that is not a regular file (a folder, a pipe, a device, a loop of links),
    cannot be read or is larger than 1 MB, and FileFaults with the place of the first byte that is not UTF-8.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would block
            kind = "is a folder" if path.is_dir() else "is not a regular file"
            raise ConfigError(f"{path}: {kind}: expected the path of a text file")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except ConfigError:  # a ValueError as well
        raise
    except FileNotFoundError:
        raise ConfigError(f"{path}: file does not exist") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name with a NUL byte
        raise ConfigError(f"{str(path)!r}: cannot be read: {error}") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: a pipeline file must not be larger than {MAX_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        text = f"is not UTF-8 text (byte {error.start}): save the file as UTF-8"
        raise FileFaults([Fault(str(path), line, column, "", text, rule="yaml")]) from None
