from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.serving.credentials import token_of


def basic(pair: str) -> bytes:
    return b"Basic " + base64.b64encode(pair.encode())


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"Bearer abc", b"abc"),
        (b"bearer abc", b"abc"),
        (b"BEARER  abc ", b"abc"),
        (basic("me:abc"), b"abc"),
        (basic("abc:"), b"abc"),
        (basic("abc"), b"abc"),
        (basic("me:a:b"), b"a:b"),
        (basic("me:é"), "é".encode()),
        (b"basic " + base64.b64encode(b":abc"), b"abc"),
        (b"", b""),
        (b"abc", b""),
        (b"Bearer", b""),
        (b"Basic", b""),
        (b"Basic not-base64!", b""),
        (b"Basic YWI\xff", b""),
        (b"Digest abc", b""),
    ],
)
def test_the_token_of_a_header(header: bytes, token: bytes) -> None:
    assert token_of(header) == token


@given(st.binary(max_size=60), st.sampled_from([b"", b"Basic ", b"Bearer ", b"basic"]))
def test_no_header_raises(rest: bytes, scheme: bytes) -> None:
    assert isinstance(token_of(scheme + rest), bytes)
