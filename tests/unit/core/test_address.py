"""No password, signature or token of an address is shown."""

from __future__ import annotations

import pytest

from airflow_mlops.core.address import shown, without_secrets


@pytest.mark.parametrize(
    ("uri", "seen"),
    [
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("https://mlflow.example.com", "https://mlflow.example.com"),
        ("postgresql://ann:s3cret@db/mlflow", "postgresql://ann:…@db/mlflow"),
        ("https://ann:p@ss@host:5000/x", "https://ann:…@host:5000/x"),
        ("https://ann:@host:5000/x", "https://ann:@host:5000/x"),
        ("https://ann:s3cret@[::1/x", "[::1/x"),
        ("postgresql://ann:s3/cr:et@db:5432/mlflow", "postgresql://ann:…@db:5432/mlflow"),
        ("postgresql://ann:my pass@db/mlflow", "postgresql://ann:…@db/mlflow"),
        ("https://host:5000/user@example", "https://host:5000/user@example"),
        ("https://lake/a.csv?sig=abc%2B&sv=1#part", "https://lake/a.csv?sig=…&sv=1#part"),
    ],
)
def test_no_password_is_shown(uri: str, seen: str) -> None:
    assert shown(uri) == seen


@pytest.mark.parametrize(
    "key", ["sig", "X-Amz-Signature", "access_token", "client.secret", "Password", "credential", "api_key"]
)
def test_the_value_of_a_secret_in_a_query_is_left_out(key: str) -> None:
    assert shown(f"https://lake/rows.csv?{key}=s3cret") == f"https://lake/rows.csv?{key}=…"
    assert shown(f"https://lake/rows.csv?a=1&{key}=s3cret&b=2") == f"https://lake/rows.csv?a=1&{key}=…&b=2"
    text = f"cannot read 'https://lake/rows.csv?{key}=s3cret': 404"
    assert without_secrets(text) == f"cannot read 'https://lake/rows.csv?{key}=…': 404"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("GET http://me:s3cret@lake/rows.csv failed", "GET http://me:…@lake/rows.csv failed"),
        ("http://me:p@ss@lake/a and s3://you:x/y@b/c", "http://me:…@lake/a and s3://you:…@b/c"),
        ("http://:s3cret@lake", "http://:…@lake"),
        ("http://lake:8080/a?mail=me@lake", "http://lake:8080/a?mail=me@lake"),
        ("mail me:you@lake", "mail me:you@lake"),
        ('"https://lake?token=s3cret" is not found', '"https://lake?token=…" is not found'),
        ("https://lake?keys=1&page=2", "https://lake?keys=1&page=2"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_a_message_keeps_all_but_the_secrets(text: str, seen: str) -> None:
    assert without_secrets(text) == seen
