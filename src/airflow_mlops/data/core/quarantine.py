"""Whether data can be used without its bad rows, or is rejected as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mlops.core.records import Failure, Quarantine


def judge(failures: Sequence[Failure], bad_rows: int | None, *, rows: int, limit: float) -> Quarantine:
    """Return whether ``rows`` rows can be used without those that break an expectation.

    :param failures: the expectations that did not hold, at least one.
    :param bad_rows: rows that break one or more of them; None when they were not all named.
    :param limit: the largest share of rows that may be set aside.

    The data is rejected when an expectation about all of it failed, which no single row breaks, or when more
    rows are bad than the limit allows.

    >>> judge([Failure("between", "age", "", 90)], 90, rows=1000, limit=0.05).refused
    '90 of 1,000 rows (9.0 %) break expectations, more than validate.max_quarantine 0.05'
    """
    least = max(failure.rows or 0 for failure in failures)
    bad = least if bad_rows is None else bad_rows
    whole = [failure for failure in failures if failure.rows is None]
    refused = ""
    if whole:
        names = ", ".join(dict.fromkeys(failure.expectation for failure in whole))
        refused = f"{names} names no bad rows that could be quarantined"
    elif (share := bad / max(rows, 1)) > limit:
        more = "" if bad_rows is not None or len(failures) == 1 else "at least "
        refused = (
            f"{more}{bad:,} of {rows:,} rows ({share * 100:.1f} %) break expectations, "
            f"more than validate.max_quarantine {limit:g}"
        )
    elif bad_rows is None:
        refused = "Great Expectations did not name the rows that break it"
    return Quarantine(rows=bad, limit=limit, refused=refused)
