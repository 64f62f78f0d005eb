"""``python -m airflow_mlops.serving``: the model server without the rest of the command line."""

from __future__ import annotations

import os
import sys

from airflow_mlops.core.errors import MlopsError
from airflow_mlops.serving import Settings, run


def main(argv: list[str]) -> int:
    """Serve with the arguments ``argv``; returns the exit code."""
    try:
        return run(Settings.from_args(argv, os.environ))
    except MlopsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is the command's own output
        return 3 if error.retryable else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
