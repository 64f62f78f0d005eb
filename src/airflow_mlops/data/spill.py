"""Rows on the disk of this machine while they are worked on: batches in the order in which they came."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from airflow_mlops.core.errors import BackendError


class Spill:
    """A temporary file of batches with one schema: written first, then read any number of times."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self.rows = self.bytes = 0
        with _on_disk():
            with tempfile.NamedTemporaryFile(dir=folder, suffix=".arrow", delete=False) as file:
                self._path = Path(file.name)
            self._sink: Any = pa.OSFile(str(self._path), "wb")
            self._writer: Any = pa.ipc.new_stream(
                self._sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
            )

    def append(self, table: pa.Table) -> None:
        """Write the next batch; raises BackendError when the disk refuses."""
        if table.num_rows:
            self.rows += table.num_rows
            self.bytes += table.nbytes
            with _on_disk():
                self._writer.write_table(table.combine_chunks())

    def tables(self) -> Iterator[pa.Table]:
        """Read the batches; nothing can be appended any more. Raises BackendError when the disk refuses."""
        self.close()
        with (
            _on_disk("read"),
            pa.OSFile(str(self._path), "rb") as source,
            pa.ipc.open_stream(source) as stream,
        ):
            for batch in stream:
                yield pa.Table.from_batches([batch])

    def close(self) -> None:
        """Finish the file."""
        if not self._sink.closed:
            with _on_disk():
                self._writer.close()
                self._sink.close()

    def remove(self) -> None:
        """Remove the file, which is not needed any more."""
        self.close()
        self._path.unlink(missing_ok=True)


@contextmanager
def working_folder() -> Iterator[Path]:
    """Yield a temporary folder, which is removed; raises BackendError where none can be made."""
    with _on_disk():
        folder = tempfile.TemporaryDirectory(prefix="airflow-mlops-")
    with folder as name:
        yield Path(name)


@contextmanager
def _on_disk(what: str = "write") -> Iterator[None]:
    """Turn what the disk of temporary files refuses into a BackendError with the next step."""
    try:
        yield
    except OSError as error:
        where = tempfile.tempdir or "a temporary folder"  # none is known where none can be written
        raise BackendError(
            f"cannot {what} temporary files in {where}: {error}; free space there, or set "
            "TMPDIR to a folder on a larger disk"
        ) from error
