"""What a task used, kept with it as an XCom."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_mlops.lifecycle.runner import StageResult

_LOG = logging.getLogger(__name__)
COST: Final = "mlops_cost"


def push_resource_usage(context: Context, result: StageResult) -> None:
    """Push seconds, CPU seconds and the record's digest as the XCom ``mlops_cost``; never fails the task."""
    _LOG.info("%s: %.1f s, %.1f CPU s", result.stage, result.seconds, result.cpu_seconds)
    cost = {"seconds": result.seconds, "cpu_seconds": result.cpu_seconds, "digest": result.digest}
    try:
        context["ti"].xcom_push(key=COST, value=cost)
    except Exception:  # noqa: BLE001 - whatever it is, the stage has finished
        _LOG.warning("the task's resource usage could not be stored", exc_info=True)
