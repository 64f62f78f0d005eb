"""What talks to the world outside: storage, MLflow, Great Expectations, estimators."""

import os

for _switch, _value in (
    ("DO_NOT_TRACK", "true"),
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("GX_ANALYTICS_ENABLED", "False"),
    ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
):
    # Read by those libraries when they are imported, so it has to happen before any of them.
    os.environ.setdefault(_switch, _value)
