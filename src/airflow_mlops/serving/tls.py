"""The certificate of a server that speaks https itself."""

from __future__ import annotations

import ssl

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.settings import Settings


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return what encrypts connections, None for a server without a certificate.

    Raises ConfigError when the files cannot be read or do not belong together.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"--tls-cert {settings.tls_cert} and --tls-key {settings.tls_key} cannot be used: {error}. Both "
            "must be "
            "PEM files, and the key must belong to the certificate"
        ) from error
    return context
