"""What the first model that a process loads costs, paid once: for a process that others are forked from."""

from importlib import import_module

from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

for name in (
    "alembic.command",
    "mlflow.genai",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracing.provider",
    "opentelemetry.sdk.trace.export",
    "sqlalchemy.dialects.sqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
):
    import_module(name)
warn_dependency_requirement_mismatches(["scikit-learn"])  # reads every installed distribution
