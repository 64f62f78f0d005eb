"""The command ``eject``: a pipeline file's DAGs as one Python file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from airflow_mlops.core.errors import ConfigError


def eject(arguments: argparse.Namespace) -> int:
    """Write or print the Python file; returns 1 when the pipeline file has faults, 2 for a wrong call.

    A file that exists is not overwritten. What is printed belongs beside the pipeline file.
    """
    from airflow_mlops.config.loader import load_pipeline

    file = Path(arguments.file)
    out = Path(arguments.output) if arguments.output else None
    if out and (out.exists() or not out.absolute().parent.is_dir()):
        why = "exists already: choose another name" if out.exists() else "is in a folder that does not exist"
        print(f"error: {out} {why}", file=sys.stderr)
        return 2
    try:
        pipeline = load_pipeline(file, arguments.profile)
        from airflow_mlops.factory.eject import ejected  # Airflow takes seconds to load: faults come first

        base = os.path.relpath(file.resolve().parent, out.resolve().parent) if out else "."
        profile = f" with the profile {arguments.profile}" if arguments.profile else ""
        text = ejected(pipeline, origin=f"{file.name}{profile}", base=Path(base).as_posix())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if out is None:
        print(text, end="")
        return 0
    with out.open("x", encoding="utf-8") as stream:
        stream.write(text)
    print(f"{out} makes the DAGs of {file}: take that file out of the folder of pipelines", file=sys.stderr)
    return 0
