"""The command ``run``: a whole pipeline on this machine."""

from __future__ import annotations

import argparse


def run(arguments: argparse.Namespace) -> int:
    """Run a pipeline without Airflow.

    Returns 0 when done, 1 for an honest no (data, gate, approval, canary), 2 when the file or the call is
    wrong, 3 when something outside failed, 4 when it waits for an approval, 128 and the signal's number
    when it was interrupted.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before or after the run itself, which tells its own interruptions
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from airflow_mlops.laptop.session import Call
    from airflow_mlops.laptop.session import run as run_pipeline
    from airflow_mlops.laptop.show import Document, Lines

    call = Call(
        path=arguments.path,
        profile=arguments.profile,
        until=arguments.until,
        yes=arguments.yes,
        as_of=arguments.as_of,
        restart=arguments.restart,
        verbose=arguments.verbose,
    )
    return run_pipeline(call, Document() if arguments.format == "json" else Lines())
