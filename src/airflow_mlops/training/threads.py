"""How many threads an estimator may use on a machine that runs other tasks too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def shared_cores(workers: int = 1) -> Iterator[int]:
    """Limit OpenMP to this call's part of half the cores, at least one; ``OMP_NUM_THREADS`` overrides it.

    ``workers`` calls run side by side. Half, because a team of threads that has to share a core with
    another process waits for it at every barrier: a fit of 0.4 s with one thread took up to 9 s with two
    on two busy cores. Yields the number of threads (0: left to ``OMP_NUM_THREADS``).
    """
    if os.environ.get("OMP_NUM_THREADS"):
        yield 0
        return
    import sklearn  # noqa: F401 - its OpenMP must be loaded before it can be limited
    from threadpoolctl import threadpool_limits

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    threads = max(1, cores // 2 // max(1, workers))
    with threadpool_limits(limits=threads, user_api="openmp"):
        yield threads
