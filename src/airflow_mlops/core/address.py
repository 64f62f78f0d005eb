"""Addresses without their secrets."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_SECRETS: Final = re.compile(
    r"([?&][\w.-]*(?:sig|signature|token|secret|password|credential|key)=)[^&#\s'\"]+", re.IGNORECASE
)
# A password may have a slash that should have been escaped; digits before a slash are a port.
_PASSWORDS: Final = re.compile(r"(://[^/\s:@]*:)(?:[^/\s]+|(?!\d+/)\S+?)@")


def without_secrets(text: str) -> str:
    """Return a text, such as a library's message, without the passwords and signatures of addresses in it.

    >>> without_secrets("GET http://me:secret@lake/rows.csv?token=secret failed")
    'GET http://me:…@lake/rows.csv?token=… failed'
    """
    return _SECRETS.sub(r"\1…", _PASSWORDS.sub(r"\1…@", text))


def shown(uri: str) -> str:
    """Return an address without its password and the signatures and tokens of its query.

    >>> shown("postgresql://me:secret@db/mlops"), shown("https://lake/rows.csv?sv=1&sig=secret")
    ('postgresql://me:…@db/mlops', 'https://lake/rows.csv?sv=1&sig=…')
    """
    uri = _SECRETS.sub(r"\1…", uri)
    try:
        password = urlsplit(uri).password
    except ValueError:  # such as an IPv6 address without its closing bracket
        return uri.rpartition("@")[2]
    return uri.replace(f":{password}@", ":…@") if password else _PASSWORDS.sub(r"\1…@", uri)
