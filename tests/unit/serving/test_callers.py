"""Failures are counted by groups of callers and minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.serving.callers import GROUPS, event_of, group_of
from tests.support.server import ADMIN_TOKEN, Registry, running_server


def scope(client: str = "10.0.0.1", **headers: str) -> dict[str, Any]:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"headers": fields, "client": (client, 4711)}


def test_a_caller_is_told_by_its_address_and_its_credentials() -> None:
    assert group_of(scope()) == group_of({"headers": [], "client": ("10.0.0.1", 4712)})
    direct = {group_of(scope(f"10.0.0.{n}")) for n in range(100)}
    behind = {group_of(scope(x_forwarded_for=f"10.0.0.{n}")) for n in range(100)}
    named = {group_of(scope(authorization=f"Bearer {n}")) for n in range(100)}
    for groups in (direct, behind, named):
        assert len(groups) > 40
        assert groups <= set(range(GROUPS))
    assert group_of(scope("10.0.0.1", x_forwarded_for="8.8.8.8")) == group_of(
        scope("10.0.0.2", x_forwarded_for="8.8.8.8")
    )
    assert group_of({"headers": [], "client": None}) in range(GROUPS)


@pytest.mark.parametrize(
    ("minute", "counted"),
    [(-5, 0), (0, 0), (1, 1), (29, 29), (30, 30), (39, 30), (359, 350), (360, 360), (419, 360), (4000, 3960)],
)
def test_minutes_are_counted_from_the_epoch_and_later_in_longer_stretches(minute: int, counted: int) -> None:
    epoch = 1_700_000_000_000
    assert event_of(9, epoch, epoch / 1000 + 60 * minute + 1) == f"failed:{counted}:9"


def test_a_days_epoch_has_few_stretches() -> None:
    assert len({event_of(1, 0, 60.0 * minute) for minute in range(3 * 24 * 60)}) < 140


def test_the_failures_of_a_canary_arrive_at_the_rollout_by_group(
    serving_registry: Registry, tmp_path: Path
) -> None:
    with running_server(serving_registry, tmp_path / "state") as client:
        kinds = serving_registry.kinds
        for kind in ("champion", "broken"):
            client.must_load(kinds[kind], serving_registry.model_uri(kind))
        client.traffic(kinds["champion"], {kinds["broken"]: 100})
        for number in range(30):
            client.predict(**{"X-Forwarded-For": f"10.0.0.{number}"})
        target = LocalTarget(client.admin_url, ADMIN_TOKEN)
        try:
            (epoch,) = target.observe(kinds["broken"], kinds["champion"], 0).epochs
        finally:
            target.close()
    assert epoch.canary.failures == 30
    assert epoch.bursts is not None
    assert epoch.bursts.random
    assert epoch.bursts.clusters == epoch.bursts.canary
    assert 10 < epoch.bursts.clusters <= 30
