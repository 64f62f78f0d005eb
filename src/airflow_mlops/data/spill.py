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
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".arrow", delete=False) as file:
            self._path = Path(file.name)
        self._sink: Any = pa.OSFile(str(self._path), "wb")
        self._writer: Any = pa.ipc.new_stream(
            self._sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
        )

    def append(self, table: pa.Table) -> None:
        """Write the next batch."""
        if table.num_rows:
            self.rows += table.num_rows
            self.bytes += table.nbytes
            self._writer.write_table(table.combine_chunks())

    def tables(self) -> Iterator[pa.Table]:
        """Read the batches; nothing can be appended any more."""
        self.close()
        with pa.OSFile(str(self._path), "rb") as source, pa.ipc.open_stream(source) as stream:
            for batch in stream:
                yield pa.Table.from_batches([batch])

    def close(self) -> None:
        """Finish the file."""
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()

    def remove(self) -> None:
        """Remove the file, which is not needed any more."""
        self.close()
        self._path.unlink(missing_ok=True)


@contextmanager
def working_folder() -> Iterator[Path]:
    """Yield a temporary folder; what fails in it for want of space is a BackendError with the next step."""
    with tempfile.TemporaryDirectory(prefix="airflow-mlops-") as folder:
        try:
            yield Path(folder)
        except OSError as error:
            raise BackendError(
                f"cannot write temporary files in {tempfile.gettempdir()}: {error}; free space there, or set "
                "TMPDIR to a folder on a larger disk"
            ) from error
