"""The base class of deployment targets: what a target can do, needs and answers."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol

from airflow_mlops.core.canary_defaults import LEASE_S as LEASE_S
from airflow_mlops.core.connection import Connection
from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from typing import Self

    from airflow_mlops.rollout.core import Health, Observation

CALL_TIMEOUT_S: Final = 40.0
_EXTRA: Final = "extra."


@dataclass(frozen=True, kw_only=True)
class ConnectionField:
    """One thing that a target needs of its Airflow connection.

    ``option`` is the argument of the target that it becomes. ``place`` is where it stands in the connection:
    ``host`` (read as a URL, the port included), ``password``, ``login``, ``schema``, or ``extra.`` and the
    keys inside the extra, joined by dots. ``kind`` is the type that the value must have.
    """

    option: str
    place: str
    help: str
    example: Any
    required: bool = True
    kind: type = str

    def read(self, connection: Connection) -> Any:
        """Return the value in ``connection``, or None."""
        if self.place == "host":
            return address_in(connection)
        if not self.place.startswith(_EXTRA):
            return getattr(connection, self.place)
        value: Any = connection.extra
        for key in self.keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, self.kind) else None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys inside the extra, empty for a field that has its own place in the connection."""
        return tuple(self.place.split(".")[1:])


ADDRESS: Final = ConnectionField(
    option="base_url",
    place="host",
    help="the administrators' address of the server (its --admin-port)",
    example="http://127.0.0.1:8501",
)
TOKEN: Final = ConnectionField(
    option="token",
    place="password",
    help="the server's AIRFLOW_MLOPS_ADMIN_TOKEN",
    example="TOKEN",
)


@dataclass(frozen=True, kw_only=True)
class TargetCheck:
    """One finding of a probe: ``subject`` is what was checked, ``part`` which one of several.

    ``fix`` is the next command or step; a check that is ok needs none.
    """

    subject: str
    status: Literal["ok", "warning", "failed"]
    message: str
    fix: str = ""
    part: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderedBy:
    """Who gives a target its orders: the identity of a rollout store, and where that store is, for people.

    ``takeover``: a person says that the orders count in spite of another controller. Without an identity no
    other controller is noticed.
    """

    controller: str = ""
    place: str = ""
    takeover: bool = False

    def fields(self) -> dict[str, str]:
        """Return what an order carries in JSON."""
        return {"controller": self.controller, "place": self.place} if self.controller else {}


class TakesOrders(Protocol):
    """What is told who gives its orders."""

    orders: OrderedBy


class Target(ABC):
    """A place that serves models and splits traffic between two versions.

    A subclass says by its class attributes what is known about it; configuration, ``lint``, ``doctor``,
    hooks, the connection form, the schema and the reference page are derived from them.

    All calls are idempotent and absolute: the same call twice leaves the same state. They raise
    BackendError when the place does not answer (retryable), ConfigError when it refuses the caller, and
    TrafficHeld when another controller moves its traffic.
    """

    name: ClassVar[str]
    """The name in a pipeline file and in messages."""
    help: ClassVar[str]
    """What the target is, in one sentence."""
    connection_fields: ClassVar[tuple[ConnectionField, ...]] = (ADDRESS, TOKEN)
    """What the target reads from its Airflow connection."""
    unsupported: ClassVar[Mapping[str, str]] = {}
    """Keys below ``deploy.canary`` that the target cannot do, each with the reason as a sentence.

    ``shadow`` is one; guards are written as ``guards.prediction_shift``. ``lint`` reads this from the source,
    without importing the class: write it as a plain mapping of texts.
    """
    program: ClassVar[str] = ""
    """The program that has to run beside the target, for ``doctor``."""
    orders: OrderedBy = OrderedBy()
    """Who gives the orders; a target that can notice a second controller passes it on."""

    @classmethod
    def options(cls, connection: Connection) -> dict[str, Any]:
        """Return the arguments of the target that ``connection`` holds.

        Raises ConfigError when one is missing, or the target's part of the extra has an unknown key.
        """
        found = {field.option: field.read(connection) for field in cls.connection_fields}
        missing = [field for field in cls.connection_fields if field.required and not found[field.option]]
        if missing:
            needs = ", ".join(f"{field.help} as {field.place}" for field in missing)
            extra = cls.example_extra() if any(field.keys for field in missing) else None
            example = f", with an extra such as {json.dumps(extra)}" if extra else ""
            raise ConfigError(
                f"Airflow connection {connection.conn_id!r}: target {cls.name} needs {needs}{example}"
            )
        _check_extra(cls, connection)
        return {option: value for option, value in found.items() if value is not None}

    @classmethod
    def example_extra(cls) -> dict[str, Any]:
        """Return a connection's extra that has every field that the target needs there."""
        example: dict[str, Any] = {}
        for field in cls.connection_fields:
            if field.keys and field.required:
                *outer, last = field.keys
                group = example
                for key in outer:
                    group = group.setdefault(key, {})
                group[last] = field.example
        return example

    @classmethod
    def arguments(cls) -> str:
        """Return the arguments of ``airflow connections add`` for a connection of this target."""
        flags = [f"--conn-{field.place} {field.example}" for field in cls.connection_fields if not field.keys]
        extra = cls.example_extra()
        return " ".join([*flags, *([f"--conn-extra '{json.dumps(extra)}'"] if extra else [])])

    @classmethod
    def from_connection(cls, connection: Connection, *, timeout_s: float = CALL_TIMEOUT_S) -> Self:
        """Return the target that ``connection`` describes; ``timeout_s`` limits one call, in seconds.

        Raises ConfigError when the connection lacks what the target needs.
        """
        arguments = {**cls.options(connection), "timeout_s": timeout_s}
        return cls(**arguments)

    @classmethod
    def probe(
        cls, connection: Connection, pipelines: Sequence[str], timeout_s: float
    ) -> Iterator[TargetCheck]:
        """Yield what ``doctor`` finds where ``connection`` leads; changes nothing there.

        ``pipelines`` are those that deploy by this connection, ``timeout_s`` limits one call, in seconds.
        """
        target = cls.from_connection(connection, timeout_s=timeout_s)
        try:
            target.current_weight(0)
        finally:
            target.close()
        text = f"{address_in(connection)} answers, for {', '.join(pipelines)}"
        yield TargetCheck(subject=cls.name, status="ok", message=text)

    @classmethod
    def can_shadow(cls) -> bool:
        """Whether the target can copy requests to a version that serves nobody."""
        return "shadow" not in cls.unsupported

    def close(self) -> None:
        """Close the connections."""
        return

    def identify(self, orders: OrderedBy) -> None:
        """Give all further orders in the name of ``orders``."""
        self.orders = orders
        for server in self._ordered():
            server.orders = orders

    def _ordered(self) -> Iterable[TakesOrders]:
        """Return the servers that notice a second controller; a target without any is not protected."""
        return ()

    @abstractmethod
    def ensure(self, version: int, model_uri: str, digest: str = "") -> Health:
        """Load ``version`` from ``model_uri`` and return its health, without waiting for ever.

        ``digest`` names the model (empty: not known). A target that holds another model under that number
        loads it again; one that cannot know ignores it.
        """

    @abstractmethod
    def set_weight(self, version: int, champion: int | None, percent: int) -> None:
        """Send ``percent`` (0 to 100) of the traffic to ``version`` and the rest to ``champion``."""

    def shadow(self, version: int, champion: int) -> None:
        """Have ``version`` answer a copy of every request of ``champion`` off the caller's path.

        The next ``set_weight`` ends it. Raises ConfigError when the target cannot do that.
        """
        raise ConfigError(
            f"target {self.name} cannot copy requests of version {champion} to version {version}: "
            "leave out deploy.canary.shadow, or use a target that can"
        )

    @abstractmethod
    def observe(self, version: int, champion: int | None, since: int | None) -> Observation:
        """Return health, true traffic share and the counts of all weight epochs after ``since``.

        Only epochs in which exactly these two versions shared the traffic count; None asks for no counts.
        """

    @abstractmethod
    def current_weight(self, version: int) -> int:
        """Return the percent of traffic that ``version`` really gets."""

    @abstractmethod
    def finalize(self, champion: int | None) -> None:
        """Send all traffic to ``champion`` (None: to nobody) and unload every other version."""


def address_in(connection: Connection) -> str:
    """Return the URL in a connection's host and port, without a slash at its end.

    >>> address_in(Connection(conn_id="server", conn_type="mlops_serving", host="models", port=8500))
    'http://models:8500'
    """
    address = connection.host.rstrip("/")
    if not address or "://" in address:
        return address
    return f"http://{address}" + (f":{connection.port}" if connection.port else "")


def _check_extra(target: type[Target], connection: Connection) -> None:
    """Raise ConfigError for a key that stands where only the target's own keys do."""
    groups: dict[str, list[str]] = {}
    for field in target.connection_fields:
        if len(field.keys) == 2:
            groups.setdefault(field.keys[0], []).append(field.keys[1])
    for group, known in groups.items():
        written = connection.extra.get(group)
        unknown = sorted(set(written) - set(known)) if isinstance(written, Mapping) else []
        if unknown:
            raise ConfigError(
                f"Airflow connection {connection.conn_id!r}: unknown key(s) {', '.join(unknown)} in its "
                f"extra {group}; known: {', '.join(known)}"
            )
