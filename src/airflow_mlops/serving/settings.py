"""The settings of a model server."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.pruning import LogLimits

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
    the request log, with its labels, keeps ``log_rows`` requests of ``log_days`` days in ``log_size`` bytes.
    Raises ConfigError without a token.
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
    log_rows: int = LogLimits.rows
    log_days: float = LogLimits.days
    log_size: int = LogLimits.size
    sticky: str | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise ConfigError(f"--workers must be from 1 to {MAX_WORKERS}, got {self.workers}")
        if not self.read_s > 0 or not self.timeout_s > 0:
            raise ConfigError("--timeout and --read-timeout must be more than 0 seconds")
        if self.log_rows < 1 or not self.log_days > 0 or self.log_size < _LEAST_LOG:
            raise ConfigError(
                "--log-rows must be at least 1, --log-days more than 0, --log-size at least 1MB; got "
                f"{self.log_rows}, {self.log_days:g}, {self.log_size}"
            )
        if not self.token:
            raise ConfigError(
                f"the model server needs a token: set {TOKEN_VARIABLE} (callers send it as bearer token)"
            )

    @property
    def log_limits(self) -> LogLimits:
        """The limits of the request log."""
        return LogLimits(rows=self.log_rows, days=self.log_days, size=self.log_size)

    @property
    def database(self) -> Path:
        """The file of traffic, counts and request log."""
        return self.state_dir / "serving.sqlite"

    @classmethod
    def from_args(cls, argv: Sequence[str], environment: Mapping[str, str]) -> Settings:
        """Read settings from command-line arguments, and the token from the environment."""
        arguments = vars(parser().parse_args(argv))
        return cls(token=environment.get(TOKEN_VARIABLE, ""), **arguments)


def size_in_bytes(text: str) -> int:
    """Return the bytes of a size such as 500MB or 2GB (powers of 1024); raises ValueError.

    >>> size_in_bytes("2GB"), size_in_bytes("4096")
    (2147483648, 4096)
    """
    number = text.strip().upper()
    for power, unit in enumerate(("KB", "MB", "GB", "TB"), start=1):
        if number.endswith(unit):
            return int(float(number.removesuffix(unit)) * 1024**power)
    return int(number.removesuffix("B"))


_LEAST_LOG: Final = 1024**2
_OPTIONS: Final[Mapping[str, tuple[str, Callable[[str], Any], str]]] = {
    "--host": ("host", str, "address to listen on"),
    "--port": ("port", int, "port to listen on"),
    "--timeout": ("timeout_s", float, "seconds per prediction"),
    "--read-timeout": ("read_s", float, "seconds that a caller may take to send a request"),
    "--workers": ("workers", int, "number of processes"),
    "--log-rows": ("log_rows", int, "requests that the request log keeps, with their labels"),
    "--log-days": ("log_days", float, "days that the request log keeps"),
    "--log-size": ("log_size", size_in_bytes, "bytes that the state file may use, such as 500MB"),
    "--sticky": ("sticky", str, "keep a caller on one version: header:NAME or column:NAME"),
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the server's command line; its results are the fields of Settings."""
    parser = argparse.ArgumentParser(
        prog="airflow-mlops serve",
        description=f"Serve a registered model, with canary traffic. The token comes from {TOKEN_VARIABLE}.",
        epilog="example: airflow-mlops serve --name churn --tracking-uri sqlite:///mlflow.db --state-dir s",
    )
    parser.add_argument("--name", required=True, help="registered model in MLflow")
    parser.add_argument("--tracking-uri", required=True, help="address of MLflow")
    parser.add_argument("--state-dir", required=True, type=Path, help="folder for the server's state")
    for flag, (field, type_, text) in _OPTIONS.items():
        default = getattr(Settings, field)
        text = text if default is None else f"{text} (default: %(default)s)"
        metavar = flag[2:].upper()
        parser.add_argument(flag, dest=field, type=type_, default=default, help=text, metavar=metavar)
    return parser
