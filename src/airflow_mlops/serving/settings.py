"""The settings of a model server."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.pruning import LogLimits
from airflow_mlops.serving.roles import (
    ADMIN_VARIABLE,
    LABEL_VARIABLE,
    PREDICT_VARIABLE,
    Tokens,
    is_loopback,
    tokens_in,
)
from airflow_mlops.serving.sticky import StickyKey

MAX_WORKERS: Final = 64
MAX_PORT: Final = 65_535


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one server.

    ``name`` is the registered model, ``state_dir`` the folder of its database and downloaded models.
    ``max_body`` in bytes; ``timeout_s`` limits one prediction, ``load_wait_s`` how long a call waits for a
    model to load, ``read_s`` how long a caller may take to send a request, ``drain_s`` how long open requests
    may take at shutdown, all in seconds; ``workers`` is the number of processes;
    ``sticky`` names the key by which a caller keeps to a version, ``header:NAME`` or ``column:NAME``;
    the request log, with its labels, keeps ``log_rows`` requests of ``log_days`` days in ``log_size`` bytes.

    ``token``, ``label_token`` and ``admin_token`` are for predicting, labelling and administering, each one
    token or several (see ``Tokens``). Administrators come in at ``admin_host`` and ``admin_port`` (None:
    the port after ``port``), if there is a token for them. ``open_loopback``: predictions need no token, on
    loopback only. ``only_safe_formats``: no version is loaded whose format runs code of its own.
    ``max_connections`` is how many callers' connections a worker keeps open. ``tls_cert`` and ``tls_key``
    are PEM files. Raises ConfigError.
    """

    name: str
    tracking_uri: str
    state_dir: Path
    token: str = ""
    label_token: str = ""
    admin_token: str = ""
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
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    open_loopback: bool = False
    only_safe_formats: bool = False
    max_connections: int = 1000
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def __post_init__(self) -> None:
        if self.sticky is not None:
            StickyKey.parse(self.sticky)
        if not 1 <= self.workers <= MAX_WORKERS:
            raise ConfigError(f"--workers must be from 1 to {MAX_WORKERS}, got {self.workers}")
        if not self.read_s > 0 or not self.timeout_s > 0:
            raise ConfigError("--timeout and --read-timeout must be more than 0 seconds")
        if self.log_rows < 1 or not self.log_days > 0 or self.log_size < _LEAST_LOG:
            raise ConfigError(
                "--log-rows must be at least 1, --log-days more than 0, --log-size at least 1MB; got "
                f"{self.log_rows}, {self.log_days:g}, {self.log_size}"
            )
        if self.max_connections < 1:
            raise ConfigError(f"--max-connections must be at least 1, got {self.max_connections}")
        if self.open_loopback and not is_loopback(self.host):
            raise ConfigError(
                f"--open-loopback must not be used with --host {self.host}: anybody who reaches that "
                "address could "
                f"ask for predictions. Listen on 127.0.0.1, or leave it out and set {PREDICT_VARIABLE}"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("--tls-cert and --tls-key must both be given, or neither")
        if self.tokens.admin and self.port and self.port == self.admin_port:
            raise ConfigError(f"--admin-port must differ from --port, got {self.port} for both")

    @property
    def tokens(self) -> Tokens:
        """The tokens of each role."""
        return Tokens(
            predict=tokens_in(self.token),
            label=tokens_in(self.label_token),
            admin=tokens_in(self.admin_token),
            open_predictions=self.open_loopback,
        )

    @property
    def admin_listens_on(self) -> int | None:
        """The port for administrators, 0 for any free one, None without a token for them."""
        if not self.tokens.admin:
            return None
        if self.admin_port is not None:
            return self.admin_port
        return self.port + 1 if 0 < self.port < MAX_PORT else 0

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
        """Read settings from command-line arguments, and the tokens from the environment."""
        arguments = vars(parser().parse_args(argv))
        return cls(
            token=environment.get(PREDICT_VARIABLE, ""),
            label_token=environment.get(LABEL_VARIABLE, ""),
            admin_token=environment.get(ADMIN_VARIABLE, ""),
            **arguments,
        )


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


_SWITCHES: Final = {
    "--open-loopback": ("open_loopback", "predictions need no token; on a loopback address only"),
    "--only-safe-formats": ("only_safe_formats", "load no version whose format runs code of its own"),
}
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
    "--admin-host": ("admin_host", str, "address to listen on for administrators"),
    "--admin-port": (
        "admin_port",
        int,
        "port for administrators: versions, traffic (default: the one after --port)",
    ),
    "--max-connections": ("max_connections", int, "open connections of callers per process"),
    "--tls-cert": ("tls_cert", Path, "PEM file of a certificate: callers and administrators use https"),
    "--tls-key": ("tls_key", Path, "PEM file of its key"),
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the server's command line; its results are the fields of Settings."""
    parser = argparse.ArgumentParser(
        prog="airflow-mlops serve",
        description=(
            "Serve a registered model, with canary traffic. Tokens come from the environment, each one or "
            f"several: {PREDICT_VARIABLE} for predictions; {LABEL_VARIABLE} for labels (else that of "
            "predictions); "
            f"{ADMIN_VARIABLE} for versions and traffic, on a port of its own that is closed without it."
        ),
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
    for flag, (field, text) in _SWITCHES.items():
        parser.add_argument(flag, dest=field, action="store_true", help=text)
    return parser
