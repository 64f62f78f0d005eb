"""Addresses without their secrets."""

from __future__ import annotations

from urllib.parse import urlsplit


def shown(uri: str) -> str:
    """Return an address without its password.

    >>> shown("postgresql://me:secret@db/mlops")
    'postgresql://me:…@db/mlops'
    """
    try:
        password = urlsplit(uri).password
    except ValueError:  # such as an IPv6 address without its closing bracket
        return uri.rpartition("@")[2]
    return uri.replace(f":{password}@", ":…@") if password else uri
