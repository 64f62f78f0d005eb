"""The command ``run``: a whole pipeline on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from airflow_mlops.data.connections import Environment


def run(arguments: argparse.Namespace) -> int:
    """Run a pipeline without Airflow.

    Returns 0 when done, 1 when it was rejected (data, gate, approval or canary), 2 when the file or the call
    is wrong, 3 when an external system failed, 4 when it waits for an approval, 128 and the signal's number
    when it was interrupted.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before or after the run itself, which reports its own interruptions
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from airflow_mlops.local_run.reporter import Document, Lines
    from airflow_mlops.local_run.session import Call
    from airflow_mlops.local_run.session import run as run_pipeline

    call = Call(
        path=arguments.path,
        profile=arguments.profile,
        until=arguments.until,
        yes=arguments.yes,
        as_of=arguments.as_of,
        restart=arguments.restart,
        verbose=arguments.verbose,
    )
    return run_pipeline(call, Document() if arguments.format == "json" else Lines(), _Connections())


class _Connections(Environment):
    """Connections from the environment; Airflow's providers know what they mean to object storage."""

    def file_system(self, conn_id: str, scheme: str) -> Any:
        """Return fsspec's file system of ``scheme`` with a connection's credentials; raises ConfigError."""
        self.connection(conn_id)
        from airflow_mlops.hooks.connections import AirflowConnections  # the only use of Airflow in a run

        return AirflowConnections().file_system(conn_id, scheme)
