"""What a model server is told when it starts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_mlops.core.errors import ConfigError

MAX_WORKERS: Final = 64
TOKEN_VARIABLE: Final = "AIRFLOW_MLOPS_SERVING_TOKEN"  # noqa: S105 - a variable's name


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one server.

    ``name`` is the registered model, ``state_dir`` the folder of its database and downloaded models.
    ``max_body`` in bytes; ``timeout_s`` limits one prediction, ``load_wait_s`` how long a call waits for a
    model to load, ``read_s`` how long a caller may take to send a request, ``drain_s`` how long open requests
    may take at shutdown, all in seconds; ``workers`` is the number of processes;
    ``sticky`` names the key by which a caller keeps to a version, ``header:NAME`` or ``column:NAME``;
    ``log_rows`` is how many requests the request log keeps. Raises ConfigError without a token.
    """

    name: str
    tracking_uri: str
    token: str
    state_dir: Path
    host: str = "127.0.0.1"
    port: int = 5001
    max_body: int = 8 * 1024 * 1024
    timeout_s: float = 10.0
    load_wait_s: float = 30.0
    read_s: float = 20.0
    drain_s: int = 10
    log_rows: int = 1_000_000
    sticky: str | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise ConfigError(f"--workers must be from 1 to {MAX_WORKERS}, got {self.workers}")
        if not self.read_s > 0 or not self.timeout_s > 0:
            raise ConfigError("--timeout and --read-timeout must be seconds above 0")
        if not self.token:
            raise ConfigError(
                f"the model server needs a token: set {TOKEN_VARIABLE} (callers send it as bearer token)"
            )

    @property
    def database(self) -> Path:
        """The file of traffic, counts and request log."""
        return self.state_dir / "serving.sqlite"

    @classmethod
    def from_args(cls, argv: Sequence[str], environment: Mapping[str, str]) -> Settings:
        """Read settings from command-line arguments, and the token from the environment."""
        given = parser().parse_args(argv)
        return cls(
            name=given.name,
            tracking_uri=given.tracking_uri,
            token=environment.get(TOKEN_VARIABLE, ""),
            state_dir=given.state_dir,
            host=given.host,
            port=given.port,
            timeout_s=given.timeout,
            read_s=given.read_timeout,
            sticky=given.sticky,
            workers=given.workers,
        )


def parser() -> argparse.ArgumentParser:
    """Return the parser of the server's command line."""
    made = argparse.ArgumentParser(
        prog="airflow-mlops serve",
        description=f"Serve a registered model, with canary traffic. The token comes from {TOKEN_VARIABLE}.",
        epilog="example: airflow-mlops serve --name churn --tracking-uri sqlite:///mlflow.db --state-dir s",
    )
    made.add_argument("--name", required=True, help="registered model in MLflow")
    made.add_argument("--tracking-uri", required=True, help="address of MLflow")
    made.add_argument("--state-dir", required=True, type=Path, help="folder for the server's state")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    made.add_argument("--port", default=5001, type=int, help="port to listen on (default %(default)s)")
    made.add_argument(
        "--timeout", default=10.0, type=float, help="seconds per prediction (default %(default)s)"
    )
    made.add_argument(
        "--read-timeout", default=20.0, type=float,
        help="seconds that a caller may take to send a request (default %(default)s)",
    )  # fmt: skip
    made.add_argument("--workers", default=1, type=int, help="number of processes (default %(default)s)")
    made.add_argument("--sticky", help="keep a caller to one version: header:NAME or column:NAME")
    return made
