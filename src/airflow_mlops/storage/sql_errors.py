"""What a database said, in one line."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError


def said(error: SQLAlchemyError) -> str:
    """Return what the driver says, in one line and without the statement."""
    cause = getattr(error, "orig", None) or error
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    line = " ".join(str(primary or cause).split())
    return line.partition(" Is the server running")[0].rstrip(".")
