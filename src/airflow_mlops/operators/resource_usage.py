"""What a task cost, kept with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context

COST = "mlops_cost"


@contextmanager
def measured(context: Context) -> Iterator[None]:
    """Push seconds and CPU seconds of the block as the XCom ``mlops_cost``, however the block ends."""
    started, cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        cost = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
        context["ti"].xcom_push(key=COST, value={key: round(value, 3) for key, value in cost.items()})
