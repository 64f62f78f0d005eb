"""What goes wrong with one file, in the words of this package: the file, the cause and the next step."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected, MlopsError
from airflow_mlops.data.sources.listing import SourceFile

_CONTENT: Final = (
    EOFError, KeyError, ValueError, pa.ArrowException, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
)  # fmt: skip
"""What readers raise for what is in a file; parser errors and wrong encodings are ValueErrors."""
_CHUNK: Final = 1 << 20
_LONGEST: Final = 300


@contextmanager
def reading(file: SourceFile, kind: str, reader: str) -> Iterator[None]:
    """Turn what reading ``file`` as ``kind`` raises into an error of this package.

    Raises ConfigError for rights, a wrong argument of ``reader`` or a missing library, DataRejected for what
    is in the file, BackendError when storage does not answer or the file changes meanwhile.
    """
    before = _version(file)
    try:
        yield
    except MlopsError:
        raise
    except (PermissionError, IsADirectoryError) as error:
        raise ConfigError(f"cannot read {file.name}: {error.strerror or error}") from error
    except ImportError as error:
        raise ConfigError(
            f"cannot read {file.name}: {error}; install that package wherever tasks run"
        ) from error
    except TypeError as error:
        raise ConfigError(f"data.source.load_args does not fit {reader}: {_line(error)}") from error
    except (*_CONTENT, OSError) as error:
        if isinstance(error, OSError) and not _is_content(error, file):
            raise BackendError(f"cannot reach {file.name}: {error}") from error
        _unchanged(file, before)
        raise DataRejected(f"cannot read {file.name} as {kind}: {_line(error)}{_hint(error)}") from error
    _unchanged(file, before)


def _is_content(error: OSError, file: SourceFile) -> bool:
    """Whether an OSError is about the content: libraries raise plain ones without a number of the system.

    A look at the file itself decides: where storage answers for the whole of it, the content is broken.
    """
    if error.errno is not None or isinstance(error, ConnectionError | TimeoutError):
        return False
    try:
        with file.fs.open(file.path, "rb") as stream:
            while stream.read(_CHUNK):
                pass
    except OSError:
        return False
    return True


def _version(file: SourceFile) -> tuple[object, ...] | None:
    """Return what changes when a file is written again, or None when storage does not say."""
    try:
        info = file.fs.info(file.path)
    except OSError:
        return None
    return tuple(info.get(key) for key in ("size", "mtime", "LastModified", "ETag", "etag", "updated", "ino"))


def _unchanged(file: SourceFile, before: tuple[object, ...] | None) -> None:
    if _version(file) != before:
        raise BackendError(f"{file.name} changed while it was read: run the task again when it is complete")


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _hint(error: BaseException) -> str:
    if isinstance(error, UnicodeError):
        start = error.object[:4] if isinstance(error, UnicodeDecodeError) else b""
        wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
        name = "utf-16" if wide else "latin-1"
        return f"; name its encoding, such as load_args: {{encoding: {name}}}"
    if re.search(r"Expected \d+ fields in line \d+, saw \d+", str(error)):
        return "; correct that line, or name the separator, such as load_args: {sep: ';'}"
    if isinstance(error, EOFError | zlib.error | lzma.LZMAError | zipfile.BadZipFile):
        return "; the file is cut short or not compressed as its name says: copy it again"
    return ""
