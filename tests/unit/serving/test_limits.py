"""Heads without end, too many connections, TLS: over real connections to a real server."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving import Settings, run
from tests.support.server import NAME, TOKEN, Registry, frame
from tests.support.server_process import ServerProcess, running_champion

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def served(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("limits")
    with running_champion(serving_registry, folder, "--max-connections", "4") as server:
        yield server


@pytest.fixture
def server(served: ServerProcess) -> Iterator[ServerProcess]:
    yield served
    assert served.predict().status_code == 200


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection((server.base_url.host, server.base_url.port), timeout=60)


def answer_to(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"GET /ping HTTP/1.1\r\nHost: x\r\n" + b"x-a: 1\r\n" * 10_000 + b"\r\n", b"65536 bytes"),
        (b"GET /ping HTTP/1.1\r\nHost: x\r\n" + b"x-a: 1\r\n" * 300 + b"\r\n", b"has 301 headers"),
        (b"GET /ping HTTP/1.1\r\nHost: x\r\nx-long: " + b"a" * 200_000 + b"\r\n\r\n", b"65536 bytes"),
        (b"GET /ping?" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"65536 bytes"),
    ],
)
def test_a_head_that_is_too_much_gets_431_in_words(server: ServerProcess, head: bytes, said: bytes) -> None:
    with connect(server) as connection:
        answer = answer_to(connection, head)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"connection: close\r\n" in answer
    assert said in answer.rpartition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("piece", [b"x-a: " + b"b" * 8000 + b"\r\n", b"b" * 8000])
def test_headers_without_end_are_not_kept(server: ServerProcess, piece: bytes) -> None:
    sent = 0
    with connect(server) as connection, contextlib.suppress(OSError):
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nx-first: ")
        while sent < 50 * MEGABYTE:
            connection.sendall(piece)
            sent += len(piece)
    assert sent < 20 * MEGABYTE  # what the system holds in its buffers included


def test_a_head_after_an_answered_request_is_limited_too(server: ServerProcess) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        first = b""
        while not first.endswith(b"\r\n\r\nok\n"):
            first += connection.recv(4096)
        answer = answer_to(connection, b"GET /ping HTTP/1.1\r\n" + b"x-a: 1\r\n" * 10_000 + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_a_large_body_counts_for_no_head(server: ServerProcess) -> None:
    body = {"dataframe_records": [{"distance": 0.5, "carrier": "UA", "hour": 1}] * 10_000}
    answer = server.post("/invocations", json=body)
    assert (answer.status_code, len(answer.json()["predictions"])) == (200, 10_000)


@pytest.mark.parametrize("last", [b"", b"X-More: 1\r\n"])
def test_an_offer_of_http_2_is_ignored_and_the_body_is_read(server: ServerProcess, last: bytes) -> None:
    body = msgspec.json.encode({"dataframe_records": [frame(1).to_dict("records")[0]]})
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % TOKEN.encode()
    # As Java's HttpClient sends it with every request.
    head += b"Connection: Upgrade, HTTP2-Settings\r\nContent-Length: %d\r\n" % len(body)
    head += b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n" + last
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(head + b"\r\n" + body)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, b"predictions" in answer.read()) == (200, True)


def test_callers_who_only_hold_connections_make_room_for_one_who_asks(server: ServerProcess) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(server)) for _ in range(4)]
        answers = (server.predict() for _ in range(1000))
        assert next(answer for answer in answers if answer.status_code == 200)
        with contextlib.suppress(ConnectionResetError):
            assert held[0].recv(10) == b""


def test_more_callers_at_work_than_allowed_get_503_and_administrators_come_in(server: ServerProcess) -> None:
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(4):  # each is at work until its body has come, or is late
            connection = stack.enter_context(connect(server))
            connection.sendall(head.encode() + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        refused = server.get("/ping")
        assert refused.status_code == 503
        assert "raise --max-connections" in refused.json()["error"]
        assert server.get("/admin/state").json()["champion"] == 1
    answers = (server.get("/ping") for _ in range(1000))
    assert next(answer for answer in answers if answer.status_code == 200).text == "ok\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that it signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1)).add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(pem, form, plain))
    return files


def test_callers_and_administrators_speak_tls_and_others_harm_nobody(
    serving_registry: Registry, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    trusted = ssl.create_default_context(cafile=cert)
    flags = ("--tls-cert", str(cert), "--tls-key", str(key))
    with running_champion(serving_registry, tmp_path, *flags, verify=trusted) as server:
        assert str(server.base_url).startswith("https://")
        assert server.admin_url.startswith("https://")
        with connect(server) as plain, contextlib.suppress(ConnectionResetError):
            assert b"200" not in answer_to(plain, b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.predict().status_code == 200


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    files = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    settings = Settings(name=NAME, tracking_uri="unused", token="a", state_dir=tmp_path, port=0, **files)
    with pytest.raises(ConfigError, match=r"--tls-cert .*cert\.pem and --tls-key .* cannot be used"):
        run(settings)
