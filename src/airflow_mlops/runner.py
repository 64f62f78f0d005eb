"""``python -m airflow_mlops.runner request.json result.json``: runs one stage in this interpreter."""

from __future__ import annotations

import sys

from airflow_mlops.lifecycle.runner import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
