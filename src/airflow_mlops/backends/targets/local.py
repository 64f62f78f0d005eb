"""The embedded model server as a deployment target, spoken to over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.rollout import Counts, EpochCounts, Health, Observation

DECILES: Final = 10
_EVENTS: Final = ("requests", "failures", "timed", "slow", "labelled", "wrong")


class LocalTarget:
    """One embedded model server.

    ``base_url`` is its address, ``token`` its bearer token, ``lease_s`` how many seconds the server keeps
    canary traffic when nobody renews it (each ``set_weight`` does), ``timeout_s`` the limit of one call.
    """

    def __init__(self, base_url: str, token: str, *, lease_s: float = 120.0, timeout_s: float = 40.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._lease_s = lease_s
        self._token = token
        # No connection outlives its call: a triggerer lives for weeks and nobody closes its targets.
        self._client = httpx.Client(
            base_url=self._base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ensure(self, version: int, model_uri: str) -> Health:
        """Have ``version`` loaded; ``loading`` when it takes longer than the server waits."""
        return _health(self._call("PUT", f"/admin/versions/{version}", {"model_uri": model_uri}))

    def set_weight(self, version: int, champion: int | None, percent: int) -> None:
        """Send ``percent`` of the traffic to ``version`` and renew the lease."""
        # A lease protects the champion's callers; without a champion there is nothing to go back to.
        lease = self._lease_s if champion is not None else None
        self._put_traffic({str(version): percent}, champion, lease)

    def shadow(self, version: int, champion: int) -> None:
        """Have ``version`` answer copies of the champion's requests and renew the lease."""
        self._put_traffic({str(version): 0}, champion, self._lease_s, shadow=version)

    def observe(self, version: int, champion: int | None, since: int | None) -> Observation:
        """Return how the version is, what traffic it gets, and the counts after epoch ``since``."""
        state = self._call("GET", "/admin/state")
        epochs: tuple[EpochCounts, ...] = ()
        if since is not None:
            answer = self._call("GET", f"/admin/counts?since_epoch={since}")
            epochs = tuple(
                _epoch(item, version, champion)
                for item in answer["epochs"]
                if item["champion"] == champion and list(item["weights"]) == [str(version)]
            )
        known = state["versions"].get(str(version))
        return Observation(
            health=_health(known) if known else Health("absent"),
            percent=_share(state, version),
            champion=state["champion"],
            epoch=state["epoch"],
            epochs=epochs,
            shadow=state.get("shadow"),
            reference=state.get("reference", {}),
        )

    def current_weight(self, version: int) -> int:
        """Return the percent of traffic that ``version`` gets now."""
        return _share(self._call("GET", "/admin/state"), version)

    def finalize(self, champion: int | None) -> None:
        """Send all traffic to ``champion`` and unload the others."""
        self._put_traffic({}, champion, None)
        for version in self._call("GET", "/admin/state")["versions"]:
            if version != str(champion):
                self._call("DELETE", f"/admin/versions/{version}")

    def _put_traffic(
        self,
        weights: Mapping[str, int],
        champion: int | None,
        lease_s: float | None,
        shadow: int | None = None,
    ) -> None:
        generation = self._call("GET", "/admin/state")["generation"] + 1
        body = {
            "weights": weights,
            "champion": champion,
            "generation": generation,
            "lease_s": lease_s,
            "shadow": shadow,
        }
        self._call("PUT", "/admin/traffic", body)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        where = f"{method} {self._base_url}{path}"
        try:
            response = self._client.request(method, path, json=body)
        except httpx.InvalidURL as error:
            raise ConfigError(f"model server address {self._base_url!r}: {error}") from error
        except httpx.HTTPError as error:
            raise BackendError(
                f"no model server answers at {self._base_url} ({type(error).__name__}: {error}); "
                "start it with: airflow-mlops serve --name MODEL --tracking-uri URI"
            ) from error
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise ConfigError(
                f"the model server at {self._base_url} refuses the token: put the server's "
                "AIRFLOW_MLOPS_SERVING_TOKEN as password into the Airflow connection of the server"
            )
        if response.is_error:
            raise BackendError(f"{where} answered {response.status_code}: {_message(response)}")
        try:
            answer: dict[str, Any] = response.json()
        except ValueError as error:
            raise BackendError(f"{where} answered no JSON: is this a model server?") from error
        return answer


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]


def _health(item: Mapping[str, Any]) -> Health:
    return Health(str(item["status"]), str(item.get("detail", "")))


def _share(state: Mapping[str, Any], version: int) -> int:
    if state["champion"] == version:
        return 100 - sum(int(percent) for percent in state["weights"].values())
    return int(state["weights"].get(str(version), 0))


def _epoch(item: Mapping[str, Any], version: int, champion: int | None) -> EpochCounts:
    found = item["counts"]
    canary, rest = _counts(found.get(str(version), {})), _counts(found.get(str(champion), {}))
    both = _counts(found.get("both", {})) if item.get("shadow") == version else None
    return EpochCounts(item["epoch"], item["weights"][str(version)], canary, rest, both)


def _counts(found: Mapping[str, int]) -> Counts:
    names = [f"decile_{number}" for number in range(DECILES)]
    deciles = tuple(found.get(name, 0) for name in names) if any(name in found for name in names) else ()
    return Counts(**{name: found.get(name, 0) for name in _EVENTS}, deciles=deciles)
