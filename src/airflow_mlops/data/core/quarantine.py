"""Which data may go on without its bad rows, and which is refused as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mlops.core.records import Failure, Quarantine


def judge(failures: Sequence[Failure], bad_rows: int | None, *, rows: int, limit: float) -> Quarantine:
    """Return whether ``rows`` rows may go on without those that break an expectation.

    :param failures: the expectations that did not hold, at least one.
    :param bad_rows: rows that break one or more of them; None when they were not all named.
    :param limit: the largest share of rows that may be set aside.

    Refused when an expectation about the data as a whole failed, for which no row can answer, or when
    more rows are bad than the limit allows.
    """
    least = max((failure.rows or 0 for failure in failures), default=0)
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
