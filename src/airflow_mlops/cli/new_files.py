"""Files that a command creates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from airflow_mlops.cli.dispatch import WrongCall


def write_new(files: Mapping[Path, str], *, choose: str) -> None:
    """Write text files, with their folders; when one exists already, nothing is written.

    ``choose`` names what to choose otherwise. Raises WrongCall for a file that exists or cannot be written.
    """
    existing = [str(file) for file in files if file.exists()]
    if existing:
        raise WrongCall(f"{', '.join(existing)}: already exists; nothing was written: use another {choose}")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8", newline="") as stream:
                stream.write(text)
    except OSError as error:
        raise WrongCall(f"{error.filename} cannot be written: {error.strerror}") from None
