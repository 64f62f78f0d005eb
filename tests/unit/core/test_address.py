import pytest

from airflow_mlops.core.address import shown


@pytest.mark.parametrize(
    ("uri", "seen"),
    [
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("https://mlflow.example.com", "https://mlflow.example.com"),
        ("postgresql://ann:s3cret@db/mlflow", "postgresql://ann:…@db/mlflow"),
        ("https://ann:p@ss@host:5000/x", "https://ann:…@host:5000/x"),
        ("https://ann:@host:5000/x", "https://ann:@host:5000/x"),
        ("https://ann:s3cret@[::1/x", "[::1/x"),
    ],
)
def test_no_password_is_shown(uri: str, seen: str) -> None:
    assert shown(uri) == seen
