from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.payload import Payload
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.sticky import StickyKey, draw_of, hashed
from tests.support.server import ROW, Client, Registry, running_server


@given(st.text(), st.integers(1, 9))
def test_a_key_always_draws_the_same_number(key: str, canary: int) -> None:
    assert 0 <= draw_of(hashed(key, canary)) < 1
    assert hashed(key, canary) == hashed(key, canary) < 2**63


def test_keys_spread_evenly_and_anew_for_each_canary() -> None:
    draws = [[draw_of(hashed(f"user-{n}", canary)) for n in range(4000)] for canary in (2, 3)]
    for found in draws:
        assert sum(draw < 0.25 for draw in found) == pytest.approx(1000, abs=120)
    both = sum(a < 0.25 and b < 0.25 for a, b in zip(*draws, strict=True))
    assert both == pytest.approx(250, abs=70)


def test_where_a_key_may_be() -> None:
    payload = Payload(1, {"customer": [7], "gap": [None]})
    assert StickyKey.parse("column:customer").of({}, payload) == "7"
    assert StickyKey.parse("column:gap").of({}, payload) is None
    assert StickyKey.parse("header:X-User").of({"x-user": "ann"}, payload) == "ann"
    with pytest.raises(ConfigError, match="header:NAME or column:NAME, got 'cookie:x'"):
        StickyKey.parse("cookie:x")


def versions(client: Client, users: range) -> dict[int, str]:
    return {n: client.predict(ROW, **{"x-user": f"u{n}"}).headers["x-model-version"] for n in users}


def test_a_server_with_another_key_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--sticky must be header:NAME or column:NAME, got 'x-user'"):
        Settings(name="m", tracking_uri="u", token="t", state_dir=tmp_path, sticky="x-user")


def test_callers_keep_their_version_as_the_share_grows_and_count_once(
    serving_registry: Registry, tmp_path: Path
) -> None:
    with running_server(serving_registry, tmp_path, sticky="header:x-user") as client:
        client.load(1, serving_registry.model_uri("champion"))
        client.load(2, serving_registry.model_uri("good"))
        client.traffic(1, {2: 20}, lease_s=3600)
        first = versions(client, range(60))
        assert versions(client, range(60)) == first
        assert sum(found["requests"] for found in client.counts(1).values()) == 60
        client.traffic(1, {2: 60}, lease_s=3600)
        second = versions(client, range(60))
        assert {n for n, v in first.items() if v == "2"} < {n for n, v in second.items() if v == "2"}
        assert sum(found["requests"] for found in client.counts(1).values()) == 60
    with running_server(serving_registry, tmp_path, sticky="header:x-user") as client:
        client.load(2, serving_registry.model_uri("good"))
        client.load(1, serving_registry.model_uri("champion"))
        versions(client, range(70))
        assert sum(found["requests"] for found in client.counts(1).values()) == 70


def test_requests_without_a_key_are_split_at_random(serving_registry: Registry, tmp_path: Path) -> None:
    with running_server(serving_registry, tmp_path, sticky="header:x-user") as client:
        client.load(1, serving_registry.model_uri("champion"))
        client.load(2, serving_registry.model_uri("good"))
        client.traffic(1, {2: 50})
        assert {client.predict().headers["x-model-version"] for _ in range(60)} == {"1", "2"}
        assert sum(found["requests"] for found in client.counts(1).values()) == 60
