"""The embedded model server as a deployment target: both versions in one process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_mlops.core.connection import Connection
from airflow_mlops.rollout.core import EpochCounts, Health, Observation
from airflow_mlops.rollout.core.bursts import bursts_of
from airflow_mlops.rollout.targets.base import CALL_TIMEOUT_S, LEASE_S, Target, TargetCheck
from airflow_mlops.rollout.targets.model_server import (
    ModelServer,
    cells_of,
    counts_alone,
    counts_of,
    health_of,
)


class LocalTarget(Target):
    """One embedded model server.

    ``base_url`` is the address of its administrators' port, ``token`` their token, ``lease_s`` how many
    seconds the server keeps canary traffic when nobody renews it (each ``set_weight`` does), ``timeout_s``
    the limit of one call.
    """

    name = "local"
    help = "one embedded model server"

    def __init__(
        self, base_url: str, token: str, *, lease_s: float = LEASE_S, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        self._lease_s = lease_s
        self._server = ModelServer(base_url, token, timeout_s)

    @classmethod
    def probe(
        cls, connection: Connection, pipelines: Sequence[str], timeout_s: float
    ) -> Iterator[TargetCheck]:
        """Yield the state of the server, and its clock."""
        from airflow_mlops.rollout.targets.model_server_probe import Caller, probe_server

        options = cls.options(connection)
        caller = Caller(connection.conn_id, options["token"], tuple(pipelines), timeout_s)
        yield from probe_server(options["base_url"], caller)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _ordered(self) -> tuple[ModelServer, ...]:
        return (self._server,)

    def ensure(self, version: int, model_uri: str, digest: str = "") -> Health:
        """Load ``version``; its health is ``loading`` when that takes longer than the server waits."""
        return self._server.put_version(version, model_uri, digest)

    def set_weight(self, version: int, champion: int | None, percent: int) -> None:
        """Send ``percent`` of the traffic to ``version`` and renew the lease."""
        # A lease protects the champion's callers; without a champion there is nothing to go back to.
        lease = self._lease_s if champion is not None else None
        self._server.put_traffic({version: percent}, champion, lease)

    def shadow(self, version: int, champion: int) -> None:
        """Have ``version`` answer copies of the champion's requests and renew the lease."""
        self._server.put_traffic({version: 0}, champion, self._lease_s, shadow=version)

    def observe(self, version: int, champion: int | None, since: int | None) -> Observation:
        """Return the version's health and traffic, and the counts after epoch ``since``."""
        state = self._server.state()
        epochs: tuple[EpochCounts, ...] = ()
        alone = None
        if since is None and champion is not None:
            alone = counts_alone(self._server.counts(0), champion)
        if since is not None:
            epochs = tuple(
                _epoch(item, version, champion)
                for item in self._server.counts(since)
                if item["champion"] == champion and list(item["weights"]) == [str(version)]
            )
        known = state["versions"].get(str(version))
        return Observation(
            health=health_of(known) if known else Health("absent"),
            percent=_share(state, version),
            champion=state["champion"],
            epoch=state["epoch"],
            epochs=epochs,
            shadow=state.get("shadow"),
            reference=state.get("reference", {}),
            alone=alone,
        )

    def current_weight(self, version: int) -> int:
        """Return the percent of traffic that ``version`` gets now."""
        return _share(self._server.state(), version)

    def finalize(self, champion: int | None) -> None:
        """Send all traffic to ``champion`` and unload the others."""
        self._server.put_traffic({}, champion, None)
        for version in self._server.state()["versions"]:
            if version != str(champion):
                self._server.drop_version(int(version))


def _share(state: Mapping[str, Any], version: int) -> int:
    if state["champion"] == version:
        return 100 - sum(int(percent) for percent in state["weights"].values())
    return int(state["weights"].get(str(version), 0))


def _epoch(item: Mapping[str, Any], version: int, champion: int | None) -> EpochCounts:
    found = item["counts"]
    canary, rest = counts_of(found.get(str(version), {})), counts_of(found.get(str(champion), {}))
    both = counts_of(found.get("both", {})) if item.get("shadow") == version else None
    # The server routes each request at random: bursts are reported and cannot mislead.
    cells = cells_of(found.get(str(version), {}), found.get(str(champion), {}))
    bursts = bursts_of(cells, random=True)
    return EpochCounts(item["epoch"], item["weights"][str(version)], canary, rest, both, bursts)
