from __future__ import annotations

from airflow_mlops.core.connection import MLFLOW_CONN_ID, SERVING_CONN_ID, Connection


def test_a_connection_has_only_what_it_was_given() -> None:
    bare = Connection(conn_id="server", conn_type="http")
    assert (bare.host, bare.port, bare.login, bare.password, bare.schema) == ("", None, "", "", "")
    assert bare.extra == {}


def test_the_secret_fields_of_a_connection_are_never_shown() -> None:
    found = Connection(
        conn_id="server", conn_type="http", host="h", port=1, login="ann", password="s3cret",
        extra={"token": "t0ken"},
    )  # fmt: skip
    shown = repr(found)
    assert "ann" in shown
    assert "s3cret" not in shown
    assert "t0ken" not in shown


def test_connections_that_people_have_made_keep_their_names() -> None:
    assert (MLFLOW_CONN_ID, SERVING_CONN_ID) == ("mlops_mlflow_default", "mlops_serving_default")
