"""Addresses as people may see them."""

from __future__ import annotations

from urllib.parse import urlsplit


def shown(uri: str) -> str:
    """Return an address without its password."""
    try:
        password = urlsplit(uri).password
    except ValueError:  # such as an IPv6 address that is not closed
        return uri.rpartition("@")[2]
    return uri.replace(f":{password}@", ":…@") if password else uri
