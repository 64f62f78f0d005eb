"""The command ``eject``: a pipeline file's DAGs as one Python file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from airflow_mlops.cli.dispatch import WrongCall

_UNFORMATTED = (
    "note: the file is valid, but not formatted: pip install 'airflow-mlops[eject]' and run eject again"
)


def eject(arguments: argparse.Namespace) -> int:
    """Write or print the Python file; returns 0. Raises ConfigError when the pipeline file has faults.

    A file that exists is not overwritten. Printed text belongs beside the pipeline file.
    """
    file = Path(arguments.file)
    out = Path(arguments.output) if arguments.output else None
    if out and (out.exists() or not out.absolute().parent.is_dir()):
        why = "exists already: choose another name" if out.exists() else "is in a folder that does not exist"
        raise WrongCall(f"{out} {why}")
    text = _source(file, out, arguments.profile)
    if out is None:
        print(text, end="")
        return 0
    with out.open("x", encoding="utf-8") as stream:
        stream.write(text)
    print(f"{out} creates the DAGs of {file}: remove that file from the folder of pipelines", file=sys.stderr)
    return 0


def _source(file: Path, out: Path | None, profile: str | None) -> str:
    """Return the Python file, formatted when ruff is installed."""
    from airflow_mlops.config.loader import load_pipeline

    pipeline = load_pipeline(file, profile)
    from airflow_mlops.factory.eject import eject as ejected  # Airflow takes seconds to load: faults first
    from airflow_mlops.factory.eject import formatted

    base = os.path.relpath(file.resolve().parent, out.resolve().parent) if out else "."
    origin = f"{file.name} with the profile {profile}" if profile else file.name
    source = ejected(pipeline, origin=origin, base=Path(base).as_posix())
    text = formatted(source)
    if text is None:
        print(_UNFORMATTED, file=sys.stderr)
    return text or source
