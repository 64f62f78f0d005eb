"""HAProxy in front of two slots, each one a model server with a single version.

HAProxy splits the traffic by weight and takes a dead slot out. Each server decides by itself whether it may
answer, and its health check says so: as champion, as a canary whose lease holds, or not at all. So nothing
that HAProxy forgets in a restart can give traffic to a version that must not have any.

| slot | its server's split | gets traffic |
|---|---|---|
| champion | champion c, weights {} or {v: 0} | by weight, and all that no canary takes |
| canary at p % | no champion, weights {v: p}, a lease | by weight, while the lease holds |
| free | no champion, no weight | none |
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import ClassVar, Final

from airflow_mlops.core.connection import Connection
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout.core import Health, Observation
from airflow_mlops.rollout.targets.base import (
    ADDRESS,
    CALL_TIMEOUT_S,
    LEASE_S,
    TOKEN,
    ConnectionField,
    Target,
    TargetCheck,
)
from airflow_mlops.rollout.targets.haproxy.counting import Counting
from airflow_mlops.rollout.targets.haproxy.runtime import HaproxyRuntime
from airflow_mlops.rollout.targets.haproxy.split import (
    Split,
    by_number,
    latest,
    slow_limit,
)
from airflow_mlops.rollout.targets.haproxy.view import SPARE, View
from airflow_mlops.rollout.targets.model_server import ModelServer, UnreachableServerError

log = logging.getLogger(__name__)
_ASIDE: Final = (99, 98)
"""Percents of a canary's server while weights move; what it answers then counts for nobody."""


class HaproxyTarget(Target):
    """Two slots behind HAProxy.

    ``socket`` is the runtime API (a path, or host:port), ``slots`` maps HAProxy's two server names to the
    addresses of their administrators' ports, ``backend`` is the name in haproxy.cfg. ``token`` is the
    servers' token for administrators, ``lease_s`` how many seconds a canary keeps its traffic when nobody
    renews it, ``timeout_s`` the limit of one call. ``base_url`` is where callers come in; the target itself
    does not need it.
    """

    name = "haproxy"
    help = "HAProxy in front of two model servers"
    program = "haproxy"
    connection_fields = (
        ADDRESS,
        TOKEN,
        ConnectionField(
            option="socket",
            place="extra.haproxy.socket",
            help="the path or host:port of HAProxy's runtime API",
            example="/run/haproxy/admin.sock",
        ),
        ConnectionField(
            option="slots",
            place="extra.haproxy.slots",
            help="the administrators' addresses of the two model servers by HAProxy's names for them",
            example={"a": "http://host-a:8501", "b": "http://host-b:8501"},
            kind=Mapping,
        ),
        ConnectionField(
            option="backend",
            place="extra.haproxy.backend",
            help="the name of the backend in haproxy.cfg (default: model)",
            example="model",
            required=False,
        ),
    )
    unsupported: ClassVar[Mapping[str, str]] = {
        "shadow": "HAProxy sends each request to one slot and copies none",
        "guards.prediction_shift": "HAProxy's slots cannot compare their scores",
    }

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        socket: str,
        slots: Mapping[str, str],
        backend: str = "model",
        lease_s: float = LEASE_S,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        if len(slots) != 2:
            raise ConfigError(f"haproxy needs two slots in the connection of {base_url}, got {list(slots)}")
        self._lease_s = lease_s
        self._haproxy = HaproxyRuntime(socket, backend, timeout_s)
        self._servers = {slot: ModelServer(url, token, timeout_s) for slot, url in slots.items()}
        self._counting = Counting(self._servers)

    @classmethod
    def probe(
        cls, connection: Connection, pipelines: Sequence[str], timeout_s: float
    ) -> Iterator[TargetCheck]:
        """Yield whether HAProxy has what a rollout needs of it, and the state of each slot's server."""
        from airflow_mlops.rollout.targets.model_server_probe import Caller, probe_server

        options = cls.options(connection)
        with closing(cls.from_connection(connection, timeout_s=timeout_s)) as target:
            target.current_weight(0)
        slots: Mapping[str, str] = options["slots"]
        text = f"{options['socket']} answers and has the slots {', '.join(sorted(slots))}"
        yield TargetCheck(subject=cls.name, status="ok", message=text)
        caller = Caller(connection.conn_id, options["token"], tuple(pipelines), timeout_s)
        for slot, url in slots.items():
            yield from probe_server(url, caller, slot)

    def close(self) -> None:
        """Close the connections."""
        for server in self._servers.values():
            server.close()

    def _ordered(self) -> Iterable[ModelServer]:
        return self._servers.values()

    def ensure(self, version: int, model_uri: str, digest: str = "") -> Health:
        """Load ``version`` in its slot, or in the slot that the champion does not use."""
        view = self._look().checked(self.orders)
        slot = view.slot_of(version)
        if slot is None:
            dead = view.dead_slot_of(version)
            if dead is not None:
                return Health("failed", view.death(dead))
            slot = view.free_slot()
            self._release(slot, view)
        return self._servers[slot].put_version(version, model_uri, digest)

    def set_weight(self, version: int, champion: int | None, percent: int) -> None:
        """Send ``percent`` of the traffic to ``version`` and renew its lease."""
        view = self._look().checked(self.orders)
        canary_slot, champion_slot = view.slot_of(version), view.slot_of(champion)
        if percent and canary_slot is None:
            raise BackendError(f"version {version} is not loaded in a slot that answers: load it first")
        if percent < 100 and champion is not None and champion_slot is None and percent:
            raise BackendError(f"the champion, version {champion}, is not loaded in a slot that answers")
        shares = ((champion_slot or view.dead_slot_of(champion), 100 - percent), (canary_slot, percent))
        weights = dict.fromkeys(self._servers, 0) | {
            slot: share for slot, share in shares if slot is not None
        }
        lease = self._lease_s if champion is not None and percent else None
        asked = Split(
            version=version, champion=champion, percent=percent, canary_slot=canary_slot,
            champion_slot=champion_slot,
        )  # fmt: skip
        if not view.stands(asked, weights):
            self._move(asked, weights, lease, view)
        elif canary_slot is not None and lease is not None:
            self._servers[canary_slot].renew(lease)

    def observe(self, version: int, champion: int | None, since: int | None) -> Observation:
        """Return the version's health and traffic, and the counts of the splits after ``since``."""
        view = self._look()
        wanted = [
            split
            for split in by_number(view.splits)
            if since is not None
            and split.number > since
            and (split.version, split.champion) == (version, champion)
        ]
        limit = wanted[-1].limit if wanted else None
        return Observation(
            health=view.health(version),
            percent=view.share(version),
            champion=view.champion,
            epoch=view.epoch,
            epochs=tuple(self._counting.counts(wanted, view)),
            reference={} if limit is None else {"latency_s": float(limit)},
            alone=self._counting.alone(champion, view) if since is None else None,
        )

    def current_weight(self, version: int) -> int:
        """Return the percent of traffic that ``version`` gets now."""
        return self._look().share(version)

    def finalize(self, champion: int | None) -> None:
        """Send all traffic to ``champion``; the other slot becomes free."""
        view = self._look().checked(self.orders)
        slot = view.slot_of(champion)
        if champion is not None and slot is None:
            raise BackendError(
                f"version {champion} is not loaded in a slot that answers: it cannot get traffic"
            )
        if slot is not None:
            self._servers[slot].put_traffic({}, champion, None)
        self._weigh({name: 100 if name == slot else 0 for name in self._servers}, view)
        for name in view.states:
            if name == slot:
                self._drop(name, (v for v in view.versions(name) if v != champion))
            else:
                self._release(name, view)
        self._haproxy.forget()
        if champion is not None:
            alone = Split(number=view.epoch + 1, version=champion, percent=100, canary_slot=slot, ended=True)
            self._haproxy.remember(asdict(alone))

    def _look(self) -> View:
        stats = self._haproxy.servers()
        missing = [name for slot in self._servers for name in (slot, slot + SPARE) if name not in stats]
        if missing:
            raise ConfigError(
                f"HAProxy's backend {self._haproxy.backend!r} lacks the server(s) {', '.join(missing)}: "
                "the slots of the connection and of haproxy.cfg must have the same names"
            )
        self._haproxy.check_drawn()
        states, silent = {}, {}
        for slot, server in self._servers.items():
            try:
                states[slot] = server.state()
            except UnreachableServerError as error:
                silent[slot] = str(error)
        splits = [Split.from_json(item) for item in self._haproxy.remembered()]
        return View(stats=stats, states=states, silent=silent, splits=splits)

    def _move(self, asked: Split, weights: Mapping[str, int], lease: float | None, view: View) -> None:
        """Change the split: stop counting, move the weights, read them back, count again."""
        before = latest(view.splits)
        if before is None and asked.canary_slot is not None and asked.percent:
            held = view.states[asked.canary_slot]["weights"].get(str(asked.version))
            if held:
                log.warning(
                    "HAProxy was started again and has lost the split: setting %d %% again", asked.percent
                )
        self._end(before, view)
        canary, champion = asked.canary_slot, asked.champion_slot
        version, percent = asked.version, asked.percent
        if champion is not None:
            self._servers[champion].put_traffic({}, asked.champion, None)
        if canary is not None and percent:
            aside = next(value for value in _ASIDE if value != percent)
            self._servers[canary].put_traffic({version: aside}, None, lease)
        self._weigh(weights, view)
        if canary is not None:
            self._servers[canary].put_traffic({version: percent}, None, lease)
        if champion is not None:
            self._servers[champion].put_traffic({version: 0}, asked.champion, None)
        self._begin(asked, before)

    def _weigh(self, weights: Mapping[str, int], view: View) -> None:
        # Weights are percents: HAProxy's go up to 256, so no rounding comes in. Those that rise come first,
        # so that somebody has traffic at any moment.
        for slot, weight in sorted(weights.items(), key=lambda item: -item[1]):
            if weight and slot in view.states:
                self._haproxy.mark_up(slot)
            self._haproxy.set_weight(slot, weight)
        found = {slot: stats.weight for slot, stats in self._haproxy.servers().items() if slot in weights}
        if found != dict(weights):
            raise BackendError(f"HAProxy's weights read {found} after {dict(weights)} was set")

    def _begin(self, asked: Split, before: Split | None) -> None:
        view = self._look()
        canary = self._counting.reading(asked.canary_slot, view)
        champion = self._counting.reading(asked.champion_slot, view)
        same = before is not None and (before.version, before.champion) == (asked.version, asked.champion)
        limit = before.limit if before is not None and same else None
        if limit is None and champion is not None:
            limit = slow_limit(champion.latency)
        made = replace(asked, number=view.epoch + 1, canary=canary, champion_=champion, limit=limit)
        self._haproxy.remember(asdict(made))

    def _end(self, split: Split | None, view: View) -> None:
        if split is None or split.ended:
            return
        canary, champion = self._counting.readings(split, view)
        done = replace(split, canary_end=canary, champion_end=champion, ended=True)
        self._haproxy.remember(asdict(done))

    def _release(self, slot: str, view: View) -> None:
        """Make a slot free: no weight, no role, no version."""
        if view.stats[slot].weight:
            self._haproxy.set_weight(slot, 0)
        state = view.states[slot]
        if state["champion"] is not None or state["weights"]:
            self._servers[slot].put_traffic({}, None, None)
        self._drop(slot, view.versions(slot))

    def _drop(self, slot: str, versions: Iterable[int]) -> None:
        for version in versions:
            self._servers[slot].drop_version(version)
