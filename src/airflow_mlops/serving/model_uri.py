"""Which models a server may load: registered versions of its own model, and nothing else. Pure."""

from __future__ import annotations

from airflow_mlops.core.errors import ConfigError


def uri_of(name: str, version: int) -> str:
    """Return the address of a registered version.

    >>> uri_of("churn", 3)
    'models:/churn/3'
    """
    return f"models:/{name}/{version}"


def check_uri(name: str, version: int, uri: str) -> None:
    """Raise ConfigError unless ``uri`` is ``version`` of the registered model ``name``.

    Loading a model runs its code. Who may register a version of this model is the registry's decision; a
    folder, a web address, another model or an alias that somebody can move would get around it.

    >>> check_uri("churn", 3, "models:/churn/3")
    """
    expected = uri_of(name, version)
    if uri != expected:
        raise ConfigError(
            f"model_uri must be {expected} for version {version} of the model that this server serves, got "
            f"{uri!r}: "
            "register the model under that name first"
        )
