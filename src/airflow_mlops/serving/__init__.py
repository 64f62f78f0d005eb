"""The embedded model server: two versions side by side, weighted traffic, counts that survive a restart."""

from __future__ import annotations

from airflow_mlops.serving.settings import Settings


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code (0, or 3 when the port cannot be had)."""
    from airflow_mlops.serving.server import serve

    return serve(settings)


__all__ = ["Settings", "run"]
