"""The admin side of one embedded model server, spoken to over HTTP."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from tenacity import retry, retry_if_exception_type, stop_after_attempt

from airflow_mlops.core.errors import BackendError, ConfigError, TrafficHeld
from airflow_mlops.rollout.core import Counts, Health
from airflow_mlops.rollout.core.labelled import ArmLabels, LabelRow
from airflow_mlops.rollout.targets.base import OrderedBy

if TYPE_CHECKING:
    import ssl

    import httpx

DECILES: Final = 10
_EVENTS: Final = (
    "requests", "failures", "timed", "slow", "labelled", "wrong", "all_requests", "all_failures",
    "fallback_failures",
)  # fmt: skip
_CLUSTER: Final = "failed:"
_TRIES: Final = 3
_DENIED: Final = (401, 403)
_WRONG: Final = (404, 422)
"""What a model server answers to an order that it will not take however often it is sent."""
_BUCKET: Final = re.compile(r"^mlops_serving_latency_seconds_bucket\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


class UnreachableServerError(BackendError):
    """No model server answers at its address."""


class _OvertakenError(BackendError):
    """The server's state changed between reading it and writing."""


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates that are trusted, read once in each process: that takes 50 ms."""
    import httpx

    return httpx.create_ssl_context()


class ModelServer:
    """One embedded model server, its administrators at ``base_url`` with their ``token``; ``timeout_s``
    limits one call.

    All calls raise UnreachableServerError when nobody answers, BackendError for another failure, ConfigError
    when the token or the address is wrong and TrafficHeld when another controller than that of ``orders``
    moves the traffic.
    """

    def __init__(self, base_url: str, token: str, timeout_s: float) -> None:
        import httpx  # loaded here: what is known about a target is read without it

        self.base_url = base_url.rstrip("/")
        self.orders = OrderedBy()
        # No connection outlives its call: a triggerer lives for weeks and nobody closes its targets.
        self._client = httpx.Client(
            base_url=self.base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=_trusted(),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def state(self) -> dict[str, Any]:
        """Return versions, traffic split, epoch and lease."""
        return self._call("GET", "/admin/state")

    def counts(self, since_epoch: int) -> list[dict[str, Any]]:
        """Return the epochs after ``since_epoch`` with their counts, those of labels among them."""
        epochs = list(self._call("GET", f"/admin/counts?since_epoch={since_epoch}")["epochs"])
        for epoch in epochs:
            for version, labels in epoch.get("labels", {}).items():
                epoch["counts"].setdefault(version, {})["labels"] = labels
        return epochs

    def put_version(self, version: int, model_uri: str, digest: str = "") -> Health:
        """Load a version and return its health; ``loading`` when that takes longer than the server waits.

        A server that holds another model than ``digest`` names under that number has failed; servers of
        earlier releases do not say which one they hold.
        """
        body = {"model_uri": model_uri, **_named(self.orders), **({"digest": digest} if digest else {})}
        answer = self._call("PUT", f"/admin/versions/{version}", body)
        held = str(answer.get("digest", ""))
        if answer["status"] == "ok" and digest and held and held != digest:
            return Health(
                "failed",
                f"the server at {self.base_url} holds another model as version {version}: {held}, and "
                f"{digest} was ordered",
            )
        return health_of(answer)

    def drop_version(self, version: int) -> None:
        """Unload a version."""
        named = urlencode(_named(self.orders))
        self._call("DELETE", f"/admin/versions/{version}" + (f"?{named}" if named else ""))

    @retry(retry=retry_if_exception_type(_OvertakenError), stop=stop_after_attempt(_TRIES), reraise=True)
    def put_traffic(
        self,
        weights: Mapping[int, int],
        champion: int | None,
        lease_s: float | None,
        shadow: int | None = None,
    ) -> None:
        """Replace the traffic split.

        A server that has just started takes its champion from the registry by itself; when that comes
        between, the split is sent again.
        """
        body = {
            "weights": dict(weights),
            "champion": champion,
            "lease_s": lease_s,
            "shadow": shadow,
            "generation": self.state()["generation"] + 1,
            **self.orders.fields(),
            **({"takeover": True} if self.orders.takeover else {}),
        }
        self._call("PUT", "/admin/traffic", body)

    def renew(self, lease_s: float | None) -> None:
        """Renew the lease of the current split for ``lease_s`` seconds; None never ends."""
        self._call("POST", "/admin/lease", {"lease_s": lease_s, **_named(self.orders)})

    def latency(self, version: int | None = None) -> dict[str, int]:
        """Return how many answers took at most so many seconds, since the state folder was new.

        Of all versions, or of the requests that were routed to one.
        """
        found: dict[str, int] = {}
        for labels, count in _BUCKET.findall(self._request("GET", "/metrics").text):
            known = dict(_LABEL.findall(labels))
            if version is None or known.get("version") == str(version):
                found[known["le"]] = found.get(known["le"], 0) + int(float(count))
        return found

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        response = self._request(method, path, body)
        try:
            answer: dict[str, Any] = response.json()
        except ValueError as error:
            where = f"{method} {self.base_url}{path}"
            raise BackendError(f"{where} did not answer with JSON: is this a model server?") from error
        return answer

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        import httpx

        try:
            response = self._client.request(method, path, json=body)
        except httpx.InvalidURL as error:
            raise ConfigError(f"model server address {self.base_url!r}: {error}") from error
        except httpx.HTTPError as error:
            raise UnreachableServerError(
                f"no model server answers at {self.base_url} ({type(error).__name__}: {error}); "
                "start it with: airflow-mlops serve --name MODEL --tracking-uri URI. Its port for "
                "administrators (--admin-port) is open only with AIRFLOW_MLOPS_ADMIN_TOKEN"
            ) from error
        if response.status_code in _DENIED:
            raise ConfigError(
                f"the model server at {self.base_url} refuses the token: put the server's "
                "AIRFLOW_MLOPS_ADMIN_TOKEN as password into the Airflow connection of the server, and its "
                "administrators' address (--admin-port) as host"
            )
        if response.status_code == httpx.codes.LOCKED:
            raise TrafficHeld(_message(response))
        if response.status_code in _WRONG and (message := _error_of(response)):
            raise ConfigError(f"the model server at {self.base_url} refuses {method} {path}: {message}")
        if response.is_error:
            kind = _OvertakenError if response.status_code == httpx.codes.CONFLICT else BackendError
            where = f"{method} {self.base_url}{path}"
            raise kind(f"{where} answered {response.status_code}: {_message(response)}")
        return response


def _named(orders: OrderedBy) -> dict[str, str]:
    return {"controller": orders.controller} if orders.controller and not orders.takeover else {}


def health_of(item: Mapping[str, Any]) -> Health:
    """Return the health in a server's answer about a version."""
    return Health(str(item["status"]), str(item.get("detail", "")))


def counts_of(found: Mapping[str, Any]) -> Counts:
    """Return a server's counts of one version in one epoch."""
    names = [f"decile_{number}" for number in range(DECILES)]
    deciles = tuple(found.get(name, 0) for name in names) if any(name in found for name in names) else ()
    labels = None
    if counted := found.get("labels"):
        labels = ArmLabels(float(counted["at"]), tuple(LabelRow(*row) for row in counted["rows"]))
    return Counts(**{name: found.get(name, 0) for name in _EVENTS}, deciles=deciles, labels=labels)


def cells_of(canary: Mapping[str, int], champion: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Yield the (canary, champion) failures of each group of callers and minute in two servers' counts."""
    names = {name for found in (canary, champion) for name in found if name.startswith(_CLUSTER)}
    for name in sorted(names):
        yield canary.get(name, 0), champion.get(name, 0)


def counts_alone(epochs: Iterable[Mapping[str, Any]], champion: int) -> Counts:
    """Return what a champion answered while no canary had traffic, of a server's epochs."""
    return sum(
        (
            counts_of(item["counts"].get(str(champion), {}))
            for item in epochs
            if item["champion"] == champion and not any(item["weights"].values())
        ),
        Counts(),
    )


def _message(response: httpx.Response) -> str:
    return _error_of(response) or response.text[:200]


def _error_of(response: httpx.Response) -> str:
    """Return the message of a model server's error; empty when somebody else answered."""
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return ""
