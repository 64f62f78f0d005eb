"""HAProxy's runtime API: weights, statistics, and a table that remembers what was done."""

from __future__ import annotations

import base64
import csv
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.core.errors import BackendError, ConfigError

_KEY: Final = re.compile(r"^0x[0-9a-f]+: key=(\S+) ", re.MULTILINE)
_SERVERS: Final = 4
_CHUNKS: Final = 256
"""What is read of an answer: some kilobytes are usual, and what is no HAProxy may never end."""


@dataclass(frozen=True, kw_only=True)
class ServerStats:
    """What HAProxy knows of one server.

    ``up``: its check says that it may get requests; ``downs`` how often it went down and ``unserved``
    how many requests it refused (4xx), cut off or did not take, both since HAProxy started;
    ``detail`` is what the last check found.
    """

    up: bool
    weight: int
    downs: int
    unserved: int
    detail: str


class HaproxyRuntime:
    """The runtime API at ``address`` (path of a UNIX socket, or host:port) for one ``backend``.

    All calls raise BackendError when HAProxy does not answer or refuses, ConfigError when its configuration
    lacks what is asked for. The memory is a stick table ``<backend>_memory``: it lives as long as HAProxy's
    weights and counters do, so that a restart forgets all of them together.
    """

    def __init__(self, address: str, backend: str, timeout_s: float) -> None:
        self.address = address
        self.backend = backend
        self._table = f"{backend}_memory"
        self._timeout_s = timeout_s

    def servers(self) -> dict[str, ServerStats]:
        """Return the servers of the backend by name."""
        answer = self._ask(f"show stat {self.backend} {_SERVERS} -1")
        if not answer.startswith("#"):
            raise ConfigError(
                f"HAProxy at {self.address}, backend {self.backend!r}: {answer}; "
                "name a backend of haproxy.cfg in the connection"
            )
        rows = csv.DictReader(answer.removeprefix("# ").splitlines())
        try:
            return {row["svname"]: _stats(row) for row in rows}
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"what answers at {self.address} is not HAProxy ({type(error).__name__}: {error}): name its "
                "`stats socket` in the connection"
            ) from error

    def check_drawn(self) -> None:
        """Raise ConfigError unless the configuration says that its rules draw each request at random.

        The runtime API shows no rules; so they come with a stick table ``<backend>_drawn`` that says so.
        """
        answer = self._ask(f"show table {self.backend}_drawn")
        if not answer.startswith("#"):
            raise ConfigError(
                f"HAProxy at {self.address}, backend {self.backend!r}: its requests are not drawn at "
                "random, so a "
                "caller who sends two kinds of rows in turn would decide about a version. Take over the "
                "lines "
                "`http-request set-var(txn.draw) rand(100)` to `use-server b` of that backend, and the "
                "backend "
                f"{self.backend}_drawn, from docker/haproxy.cfg of this version"
            )

    def set_weight(self, server: str, weight: int) -> None:
        """Set the weight of a server, 0 to 256."""
        self._tell(f"set server {self.backend}/{server} weight {weight}")

    def mark_up(self, server: str) -> None:
        """Let a server get requests at once; its checks go on and may take it down again."""
        self._tell(f"set server {self.backend}/{server} health up")

    def remembered(self) -> list[Any]:
        """Return what was remembered since HAProxy started, in no particular order."""
        answer = self._ask(f"show table {self._table}")
        if not answer.startswith("#"):
            raise ConfigError(
                f"HAProxy at {self.address} has no stick table {self._table!r}: {answer}; "
                "take over the backend of that name from the haproxy.cfg of the documentation"
            )
        return [_decoded(key) for key in _KEY.findall(answer)]

    def remember(self, value: Any) -> None:
        """Keep a JSON value until HAProxy restarts."""
        self._tell(f"set table {self._table} key {_encoded(value)} data.gpt0 1")

    def forget(self) -> None:
        """Forget all that was remembered."""
        self._tell(f"clear table {self._table}")

    def _tell(self, command: str) -> None:
        answer = self._ask(command)
        if answer:
            raise BackendError(f"HAProxy at {self.address} refused `{command[:80]}`: {answer}")

    def _ask(self, command: str) -> str:
        try:
            with self._connected() as connection:
                connection.sendall(f"{command}\n".encode())
                chunks: list[bytes] = []
                while len(chunks) < _CHUNKS and (chunk := connection.recv(65536)):
                    chunks.append(chunk)
        except OSError as error:
            raise BackendError(
                f"no HAProxy answers at {self.address} ({error}); start it, and check its `stats socket`"
            ) from error
        answer = b"".join(chunks).decode(errors="replace").strip()
        if answer.startswith("Permission denied"):
            raise ConfigError(f"HAProxy at {self.address}: its `stats socket` needs `level admin`")
        return answer

    def _connected(self) -> socket.socket:
        host, colon, port = self.address.rpartition(":")
        if colon and port.isdecimal() and "/" not in host:
            return socket.create_connection((host.strip("[]"), int(port)), self._timeout_s)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self._timeout_s)
            connection.connect(self.address)
        except BaseException:
            connection.close()
            raise
        return connection


def _stats(row: Mapping[str, str]) -> ServerStats:
    # What goes to another server counts as redispatched, what does not as an error.
    names = ("wredis", "econ", "eresp", "hrsp_4xx")
    return ServerStats(
        up=row["status"].startswith("UP"),
        weight=int(row["weight"] or 0),
        downs=int(row["chkdown"] or 0),
        unserved=sum(int(row[name] or 0) for name in names),
        detail=" ".join(part for part in (row["check_status"], row["last_chk"]) if part),
    )


def _encoded(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(key: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
