"""HTTP to Message Central over real sockets: what matters of a failure is whether the request may have got there."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from urllib3.connection import HTTPConnection

from bridge.message_central import wire as module
from bridge.message_central.wire import Answer, Fate, Wire
from bridge.times import Deadline
from tests.fakes.values import PASSWORD, SECRETS, VENDOR_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Accepts connections and does with each what `serve` does; counts connections and keeps requests."""

    def __init__(self, serve: Callable[[Server, socket.socket], None], tls: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._serve, self._tls = serve, tls
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        try:
            with (
                connection,
                self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as channel,
            ):
                self._serve(self, channel)
        except OSError:
            pass

    def read(self, connection: socket.socket) -> bool:
        """Read one request; False when there is none."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65_536)
            if not more:
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65_536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return True

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # else the thread that accepts holds it open
        self._listener.close()


@pytest.fixture
def serving():
    servers: list[Server] = []

    def start(serve: Callable[[Server, socket.socket], None], tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(serve, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answering(answer: bytes) -> Callable[[Server, socket.socket], None]:
    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(answer)
            if answer == CLOSING:
                return

    return serve


def wire_to(port: int, scheme: str = "http", host: str = "127.0.0.1") -> Wire:
    return Wire(f"{scheme}://{host}:{port}/base/", 4, time.time)


def post(wire: Wire, seconds: float = 5, body: str = "message=x") -> Answer | Fate:
    return wire.request("POST", "/send", {"authToken": VENDOR_TOKEN}, Deadline.within(seconds, time.monotonic), body)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


# Answers


def test_an_answer_is_its_status_its_body_and_its_wait(serving):
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nabc"
    server = serving(answering(answer))

    assert post(wire_to(server.port)) == Answer(429, b"abc", "7")

    assert server.requests[0].startswith(b"POST /base/send HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"\r\n\r\nmessage=x")
    assert f"authToken: {VENDOR_TOKEN}".encode() in server.requests[0]


def test_a_redirection_is_an_answer_and_not_followed(serving):
    server = serving(answering(b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"))

    assert post(wire_to(server.port)) == Answer(307, b"")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_is_an_answer_and_not_repeated(serving, status: int):
    server = serving(answering(b"HTTP/1.1 %d Oops\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n" % status))

    assert post(wire_to(server.port)) == Answer(status, b"", "0")
    assert len(server.requests) == 1


def test_one_connection_serves_one_request_after_the_other(serving):
    server = serving(answering(OK))
    wire = wire_to(server.port)

    for _ in range(5):
        assert post(wire) == Answer(200, b"{}")

    assert server.connections == 1


# It surely never got there


def test_a_refused_connection_is_unreached():
    assert post(wire_to(free_port())) is Fate.UNREACHED


def test_a_name_that_nobody_knows_is_unreached(monkeypatch: pytest.MonkeyPatch):
    def unknown(*_args: object, **_options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert post(wire_to(80, host="vendor.invalid")) is Fate.UNREACHED


def test_a_host_that_does_not_take_connections_is_unreached_within_the_connect_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        started = time.monotonic()

        fate = post(wire_to(port))

        for one in waiting:
            one.close()
    assert fate is Fate.UNREACHED
    assert time.monotonic() - started < 1


def test_a_server_that_speaks_no_tls_is_unreached(serving):
    server = serving(answering(OK))

    assert post(wire_to(server.port, "https")) is Fate.UNREACHED


def test_a_tls_handshake_that_hangs_is_unreached_within_the_connect_time(serving, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    server = serving(lambda server, _connection: server.over.wait(5))
    started = time.monotonic()

    assert post(wire_to(server.port, "https")) is Fate.UNREACHED
    assert time.monotonic() - started < 1


def test_a_connection_dropped_in_the_handshake_is_unreached(serving):
    server = serving(lambda _server, connection: connection.recv(10))

    assert post(wire_to(server.port, "https")) is Fate.UNREACHED


def test_a_certificate_that_nobody_vouches_for_is_unreached(serving, certificate: ssl.SSLContext):
    server = serving(answering(OK), certificate)

    assert post(wire_to(server.port, "https")) is Fate.UNREACHED
    assert server.requests == []


def test_an_idle_connection_that_the_server_has_closed_is_not_used_again(serving):
    server = serving(answering(CLOSING))
    wire = wire_to(server.port)

    for _ in range(3):
        assert post(wire) == Answer(200, b"{}")
        time.sleep(0.02)

    assert server.connections == 3


def test_an_idle_connection_dropped_without_a_word_in_its_answer_is_not_used_again(serving):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)

    server = serving(serve)
    wire = wire_to(server.port)

    for _ in range(3):
        assert post(wire) == Answer(200, b"{}")
        time.sleep(0.05)


def test_a_connection_that_lay_unused_for_long_is_not_used_again(serving):
    server = serving(answering(OK))
    now = [1_000.0]
    wire = Wire(f"http://127.0.0.1:{server.port}", 1, lambda: now[0])

    post(wire)
    now[0] += module.IDLE_SECONDS - 0.1
    post(wire)
    assert server.connections == 1

    now[0] += module.IDLE_SECONDS
    post(wire)
    assert server.connections == 2


def test_what_became_too_late_while_it_connected_is_not_written(serving, monkeypatch: pytest.MonkeyPatch):
    # Several addresses take their time one after the other; a frozen function wakes up hours later.
    server = serving(answering(OK))
    now = [1_000.0]
    wire = Wire(f"http://127.0.0.1:{server.port}", 1, lambda: now[0])
    connect = HTTPConnection.connect

    def slowly(self: HTTPConnection) -> None:
        connect(self)
        now[0] += 5.1

    monkeypatch.setattr(HTTPConnection, "connect", slowly)
    assert post(wire, seconds=5) is Fate.UNREACHED
    assert server.requests == []

    assert post(wire, seconds=6) == Answer(200, b"{}")


# It may have got there


def test_a_connection_dropped_after_the_request_is_lost(serving):
    server = serving(lambda server, connection: server.read(connection) and None)

    assert post(wire_to(server.port)) is Fate.LOST


def test_a_connection_dropped_before_the_request_was_read_is_lost(serving):
    # Nobody can tell it from the case before.
    server = serving(lambda _server, connection: connection.close())

    assert post(wire_to(server.port), body="x" * 5_000_000) is Fate.LOST


def test_a_connection_dropped_at_the_second_request_is_lost_and_not_repeated(serving):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        server.read(connection)

    server = serving(serve)
    wire = wire_to(server.port)
    post(wire)

    assert post(wire) is Fate.LOST
    assert len(server.requests) == 2


def test_after_a_lost_request_the_next_that_never_got_there_is_unreached(serving):
    server = serving(lambda server, connection: server.read(connection) and None)
    wire = wire_to(server.port)
    assert post(wire) is Fate.LOST
    server.close()

    assert post(wire) is Fate.UNREACHED


def test_silence_is_lost_within_the_deadline(serving):
    server = serving(lambda server, connection: server.read(connection) and server.over.wait(5) and None)
    started = time.monotonic()

    assert post(wire_to(server.port), seconds=0.3) is Fate.LOST
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 20",
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 5\r\n\r\nabc",
    ],
)
def test_half_an_answer_is_lost(serving, answer: bytes):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answer)

    assert post(wire_to(serving(serve).port)) is Fate.LOST


def test_an_answer_that_trickles_is_read_to_its_end(serving):
    # No deadline of this module ends it: whoever calls does not wait for it (intake, pool).
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        for byte in OK:
            connection.sendall(bytes([byte]))
            time.sleep(0.005)

    assert post(wire_to(serving(serve).port), seconds=0.1) == Answer(200, b"{}")


# More than one thread, and TLS


def test_what_one_thread_wrote_says_nothing_of_another(serving):
    server = serving(lambda server, connection: server.read(connection) and time.sleep(0.1) and None)
    good, refused = wire_to(server.port), wire_to(free_port())
    fates: list[Answer | Fate] = []
    thread = threading.Thread(target=lambda: fates.append(post(good)))
    thread.start()
    time.sleep(0.05)

    assert post(refused) is Fate.UNREACHED
    thread.join()
    assert fates == [Fate.LOST]


def test_many_threads_have_their_own_connections(serving):
    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            time.sleep(0.05)
            connection.sendall(OK)

    server = serving(serve)
    wire = wire_to(server.port)
    answers: list[Answer | Fate] = []
    threads = [threading.Thread(target=lambda: answers.append(post(wire))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [Answer(200, b"{}")] * 4
    assert server.connections == 4


def test_over_tls_a_dropped_connection_is_lost_and_an_answer_an_answer(
    serving, certificate: ssl.SSLContext, trusted: Callable[[Wire], Wire]
):
    good = serving(answering(OK), certificate)
    bad = serving(lambda server, connection: server.read(connection) and None, certificate)

    assert post(trusted(wire_to(good.port, "https"))) == Answer(200, b"{}")
    assert post(trusted(wire_to(bad.port, "https"))) is Fate.LOST


@pytest.mark.parametrize("url", ["", "vendor.example", "ftp://vendor.example", "https://", "//x"])
def test_what_is_no_servers_url_is_an_error_at_the_start(url: str):
    with pytest.raises(ValueError, match="MESSAGE_CENTRAL_URL"):
        Wire(url, 1, time.time)


# The password in the token call's URL


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"",
        b"HTTP/1.1 500 no\r\n\r\n",
        b"HTTP/1.1 302 go\r\nLocation: http://127.0.0.1:1/other\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na line without a colon\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        b"garbage\r\n\r\n",
    ],
)
@pytest.mark.parametrize("debugging", [False, True])
def test_the_password_in_a_url_reaches_no_log_and_no_error(
    serving,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    debugging: bool,  # noqa: FBT001
):
    import logging  # noqa: PLC0415

    if debugging:
        for name in list(logging.root.manager.loggerDict):
            if name.split(".")[0] == "urllib3":
                monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
                logging.getLogger(name).manager._clear_cache()  # type: ignore[attr-defined]

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        if answer:
            connection.sendall(answer)

    wire = wire_to(serving(serve).port)
    path = f"/token?key={SECRETS[2]}&x={SECRETS[1]}"

    with caplog.at_level(logging.DEBUG):
        wire.request("GET", path, {}, Deadline.within(2, time.monotonic))
        wire_to(free_port()).request("GET", path, {}, Deadline.within(2, time.monotonic))

    written = "\n".join([*(record.getMessage() for record in caplog.records), caplog.text])
    for secret in (PASSWORD, *SECRETS):
        assert secret not in written


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's TLS with a certificate that it signed itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path_factory.getbasetemp()))
    return context


@pytest.fixture
def trusted(certificate: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Wire], Wire]:
    def trust(wire: Wire) -> Wire:
        context = ssl.create_default_context(cafile=str(tmp_path_factory.getbasetemp() / "server.pem"))
        wire._pool.conn_kw["ssl_context"] = context
        return wire

    return trust


def _certificate(directory: Path) -> Path:
    from cryptography import x509  # noqa: PLC0415 - only here
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
