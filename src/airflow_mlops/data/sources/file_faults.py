"""What goes wrong with one file, in the words of this package: the file, the cause and the next step."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected, MlopsError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.listing import SourceFile
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.data.sources.report import named

_CONTENT: Final = (
    EOFError, KeyError, ValueError, pa.ArrowException, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
)  # fmt: skip
"""What readers raise for what is in a file; parser errors and wrong encodings are ValueErrors."""
_CHUNK: Final = 1 << 20


@contextmanager
def reading(
    file: SourceFile,
    kind: str,
    reader: str = "",
    before: tuple[object, ...] | None = None,
    *,
    samples: bool = True,
) -> Iterator[None]:
    """Turn what reading ``file`` as ``kind`` raises into an error of this package.

    ``reader`` is the function that takes ``load_args`` as they are, ``before`` the version of the file that
    was read before and must be the same. Without ``samples`` no message quotes a cell. Raises ConfigError for
    rights, a wrong argument of it or a missing library, DataRejected for what is in the file, BackendError
    when storage does not answer or the file changes meanwhile.
    """
    before = before or version_of(file)
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
        if not reader:
            raise
        raise _misfit(reader, error, samples=samples) from error
    except (*_CONTENT, OSError) as error:
        if isinstance(error, OSError) and not _is_content(error, file):
            raise BackendError(f"cannot reach {file.name}: {error_text(error, samples=True)}") from error
        _unchanged(file, before)
        text = error_text(error, samples=samples)
        raise DataRejected(f"cannot read {file.name} as {kind}: {text}{_hint(error)}") from error
    except (LookupError, AttributeError, AssertionError) as error:  # an unknown encoding, a number for a text
        if not reader:
            raise
        raise _misfit(reader, error, samples=samples) from error
    _unchanged(file, before)


def _misfit(reader: str, error: Exception, *, samples: bool) -> ConfigError:
    text = error_text(error, samples=samples)
    return ConfigError(f"data.source.load_args does not fit {reader}: {text}")


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


def version_of(file: SourceFile) -> tuple[object, ...] | None:
    """Return what changes when a file is written again, or None when storage does not say."""
    try:
        info = file.fs.info(file.path)
    except OSError:
        return None
    return tuple(info.get(key) for key in ("size", "mtime", "LastModified", "ETag", "etag", "updated", "ino"))


def _unchanged(file: SourceFile, before: tuple[object, ...] | None) -> None:
    if version_of(file) != before:
        raise changed(file)


def changed(file: SourceFile) -> BackendError:
    """Return the error for a file that is not the same any more; a retry reads it again."""
    return BackendError(f"{file.name} changed while it was read: run the task again when it is complete")


def _hint(error: BaseException) -> str:
    if isinstance(error, UnicodeError):
        content = error.object if isinstance(error, UnicodeDecodeError) else b""
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        if b"\x00" in content and not wide:
            return "; it is not a text file"
        name = "utf-16" if wide else "latin-1"
        return f"; name its encoding, such as load_args: {{encoding: {name}}}"
    if re.search(r"Expected \d+ fields in line \d+, saw \d+", str(error)):
        return "; correct that line, or name the separator, such as load_args: {sep: ';'}"
    if isinstance(error, EOFError | zlib.error | lzma.LZMAError | zipfile.BadZipFile):
        return "; the file is cut short or not compressed as its name says: copy it again"
    return ""


def check_needed(file: SourceFile, columns: Sequence[str], request: ReadRequest) -> None:
    """Raise ConfigError for a file without the keys or the target: it is not one of the source's files."""
    for name in request.needed:
        if name not in columns and name not in file.partitions:
            message = (
                f"{file.name}: no column {name!r}{did_you_mean(name, columns)}; has {named(columns, 30)}"
            )
            raise ConfigError(message + (separator_hint(columns) if request.source.type == "csv" else ""))


def separator_hint(columns: Sequence[str]) -> str:
    """Say that the only column of a CSV file seems to be several with another separator."""
    other = next((mark for mark in ";\t|," if len(columns) == 1 and mark in columns[0]), None)
    return f"; its first line is one column: write load_args: {{sep: {other!r}}}" if other else ""
