"""What Airflow calls when a run has missed its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow_mlops.config.models import Callback
from airflow_mlops.notifications.configured import ConfiguredNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context


async def announce(
    notifier: str,
    args: Mapping[str, Any],
    base: str = ".",
    context: Mapping[str, Any] | None = None,
) -> None:
    """Call the notifier that a pipeline file names under ``schedule.deadline``, in a thread of the triggerer.

    :param notifier: dotted path of a notifier, or of a function of the context.
    :param args: its arguments.
    :param base: folder of the pipeline file: modules there count.
    :param context: what Airflow knows then: ``dag_run`` and ``deadline``, as mappings.
    """
    configured = ConfiguredNotifier(Callback(notifier=notifier, args=dict(args)), base)
    await asyncio.to_thread(configured, cast("Context", dict(context or {})))
