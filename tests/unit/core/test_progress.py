from __future__ import annotations

from contextlib import suppress

from airflow_mlops.core.progress import listening, report


def test_reports_reach_the_innermost_listener_while_it_lasts() -> None:
    outer: list[tuple[int, int, str]] = []
    inner: list[tuple[int, int, str]] = []

    def to_outer(done: int, total: int, detail: str) -> None:
        outer.append((done, total, detail))

    report(0, 3)  # nobody listens
    with listening(to_outer):
        report(1, 3, "first")
        with suppress(RuntimeError), listening(lambda *told: inner.append(told)):
            report(2, 3)
            raise RuntimeError
        report(3, 3)
    report(4, 3)
    assert outer == [(1, 3, "first"), (3, 3, "")]
    assert inner == [(2, 3, "")]
