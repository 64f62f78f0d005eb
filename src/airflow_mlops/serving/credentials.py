"""The token in a request's ``Authorization`` header. Pure."""

from __future__ import annotations

import base64
import binascii


def token_of(header: bytes) -> bytes:
    """Return the token that an ``Authorization`` header carries, empty when there is none.

    ``header`` is its value. Clients that cannot send a bearer token send HTTP Basic credentials (RFC 7617),
    as ``http://user:TOKEN@host`` or a ``.netrc`` file make them: the password is the token, or the user name
    where the password is empty. The name of the scheme may be written in any case (RFC 9110, 11.1).

    >>> token_of(b"bearer abc")
    b'abc'
    >>> token_of(b"Basic YW55Ym9keTphYmM=")  # anybody:abc
    b'abc'
    >>> token_of(b"Digest abc")
    b''
    """
    scheme, _, rest = header.partition(b" ")
    kind, rest = scheme.lower(), rest.strip(b" ")
    if kind == b"bearer":
        return rest
    if kind != b"basic":
        return b""
    try:
        user, _, password = base64.b64decode(rest, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b""
    return password or user
