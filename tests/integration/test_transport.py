"""HTTP over real sockets: what matters of a failure is whether the request may have got there, and it ends in time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from urllib3.connection import HTTPConnection

from bridge import timed_connections as module
from bridge.errors import MaybeSent, NotSent, TransportFailure
from bridge.permit import Permit
from bridge.times import Deadline
from bridge.transport import MAX_BODY, HttpTransport, Response
from tests.fakes.raw_server import CLOSING, OK, Server, answering
from tests.fakes.values import PASSWORD, SECRETS, VENDOR_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Trust = Callable[[HttpTransport], HttpTransport]


def transport_to(port: int, scheme: str = "http", host: str = "127.0.0.1") -> HttpTransport:
    return HttpTransport(f"{scheme}://{host}:{port}/base/", 4, time.time)


def post(
    transport: HttpTransport, seconds: float = 5, body: str = "message=x", permit: Permit | None = None
) -> Response | type[TransportFailure]:
    """The response, or how there was none."""
    deadline = Deadline.within(seconds, time.monotonic)
    headers = {"authToken": VENDOR_TOKEN}
    try:
        return transport.request("POST", "/send", headers, deadline, body=body, permit=permit)
    except TransportFailure as failure:
        return type(failure)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """What is done within ends in time."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def wait_for(condition: Callable[[], bool], seconds: float = 3) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


# Answers


def test_an_answer_is_its_status_its_body_and_its_wait(serving):
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nabc"
    server = serving(answering(answer))

    assert post(transport_to(server.port)) == Response(429, b"abc", "7")

    assert server.requests[0].startswith(b"POST /base/send HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"\r\n\r\nmessage=x")
    assert f"authToken: {VENDOR_TOKEN}".encode() in server.requests[0]


def test_a_redirection_is_an_answer_and_not_followed(serving):
    server = serving(answering(b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"))

    assert post(transport_to(server.port)) == Response(307, b"")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_is_an_answer_and_not_repeated(serving, status: int):
    server = serving(answering(b"HTTP/1.1 %d Oops\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n" % status))

    assert post(transport_to(server.port)) == Response(status, b"", "0")
    assert len(server.requests) == 1


def test_one_connection_serves_one_request_after_the_other(serving):
    server = serving(answering(OK))
    transport = transport_to(server.port)

    for number in range(5):
        assert post(transport, body=f"message={number}") == Response(200, b"{}")

    assert server.connections == 1
    bodies = [request.partition(b"\r\n\r\n")[2] for request in server.requests]
    assert bodies == [b"message=%d" % number for number in range(5)]


# It surely never got there


@pytest.mark.fault("vendor-down")
def test_a_refused_connection_is_not_sent():
    assert post(transport_to(free_port())) is NotSent


def test_the_error_does_not_hold_the_one_that_holds_the_url():
    with pytest.raises(NotSent) as caught:
        transport_to(free_port()).request("GET", "/x", {}, Deadline.within(1, time.monotonic))

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_name_that_nobody_knows_is_not_sent(monkeypatch: pytest.MonkeyPatch):
    def unknown(*_args: object, **_options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert post(transport_to(80, host="vendor.invalid")) is NotSent


def test_a_host_that_does_not_take_connections_is_not_sent_within_the_connect_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))

        with at_most(3):
            failure = post(transport_to(port))

        for one in waiting:
            one.close()
    assert failure is NotSent


def test_a_server_that_speaks_no_tls_is_not_sent(serving):
    server = serving(answering(OK))

    assert post(transport_to(server.port, "https")) is NotSent


def test_a_tls_handshake_that_hangs_is_not_sent_within_the_connect_time(serving, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    server = serving(lambda server, _connection: server.over.wait(5))

    with at_most(3):
        assert post(transport_to(server.port, "https")) is NotSent


def test_a_connection_dropped_in_the_handshake_is_not_sent(serving):
    server = serving(lambda _server, connection: connection.recv(10))

    assert post(transport_to(server.port, "https")) is NotSent


def test_a_certificate_that_nobody_vouches_for_is_not_sent(serving, certificate: ssl.SSLContext):
    server = serving(answering(OK), certificate)

    assert post(transport_to(server.port, "https")) is NotSent
    assert server.requests == []


@pytest.mark.fault("connection-idle")
def test_an_idle_connection_that_the_server_has_closed_is_not_used_again(serving):
    server = serving(answering(CLOSING))
    transport = transport_to(server.port)

    for _ in range(3):
        assert post(transport) == Response(200, b"{}")
        time.sleep(0.02)

    assert server.connections == 3


def test_an_idle_connection_dropped_without_a_word_in_its_answer_is_not_used_again(serving):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)

    server = serving(serve)
    transport = transport_to(server.port)

    for _ in range(3):
        assert post(transport) == Response(200, b"{}")
        time.sleep(0.05)


@pytest.mark.fault("connection-idle")
def test_a_connection_that_lay_unused_for_long_is_not_used_again(serving):
    server = serving(answering(OK))
    now = [1_000.0]
    transport = HttpTransport(f"http://127.0.0.1:{server.port}", 1, lambda: now[0])

    post(transport)
    now[0] += module.IDLE_SECONDS - 0.1
    post(transport)
    assert server.connections == 1

    now[0] += module.IDLE_SECONDS
    post(transport)
    assert server.connections == 2


@pytest.mark.parametrize("slept", [module.CONNECT_SECONDS, 3_600])
def test_what_became_too_late_while_it_connected_is_not_written(serving, monkeypatch: pytest.MonkeyPatch, slept: float):
    # A frozen function wakes up hours later: then the message belongs to another worker.
    server = serving(answering(OK))
    now = [1_000.0]
    transport = HttpTransport(f"http://127.0.0.1:{server.port}", 1, lambda: now[0])
    connect = HTTPConnection.connect

    def slowly(self: HTTPConnection) -> None:
        connect(self)
        now[0] += slept

    monkeypatch.setattr(HTTPConnection, "connect", slowly)
    assert post(transport) is NotSent
    assert server.requests == []

    monkeypatch.undo()
    assert post(transport) == Response(200, b"{}")


def test_head_and_body_are_written_at_once(serving, monkeypatch: pytest.MonkeyPatch):
    written: list[bytes] = []
    send = HTTPConnection.send

    def noted(self: HTTPConnection, data: bytes) -> None:
        written.append(data)
        send(self, data)

    monkeypatch.setattr(HTTPConnection, "send", noted)
    assert post(transport_to(serving(answering(OK)).port), body="message=x") == Response(200, b"{}")

    [request] = written
    assert request.startswith(b"POST /base/send ")
    assert request.endswith(b"\r\n\r\nmessage=x")


def test_without_time_nothing_is_begun(serving):
    server = serving(answering(OK))

    assert post(transport_to(server.port), seconds=0) is NotSent
    assert server.connections == 0


@pytest.mark.fault("vendor-down")
def test_several_addresses_share_the_time_to_connect(serving, monkeypatch: pytest.MonkeyPatch):
    server = serving(answering(OK))
    look_up, connect = socket.getaddrinfo, socket.create_connection

    def several(host: str, *args: Any, **options: Any) -> Any:
        hosts = ("10.0.0.1", "10.0.0.2", "127.0.0.1") if host == "vendor.example" else (host,)
        return [one for each in hosts for one in look_up(each, *args, **options)]

    def silent(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] == "127.0.0.1":
            return connect(address, timeout)
        time.sleep(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", several)
    monkeypatch.setattr(socket, "create_connection", silent)
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.6)

    with at_most(3):
        assert post(transport_to(server.port, host="vendor.example")) == Response(200, b"{}")


# It may have got there


@pytest.mark.fault("vendor-drops")
def test_a_connection_dropped_after_the_request_may_have_been_sent(serving):
    server = serving(lambda server, connection: server.read(connection) and None)

    assert post(transport_to(server.port)) is MaybeSent


def test_a_connection_dropped_before_the_request_was_read_may_have_been_sent(serving):
    # Nobody can tell it from the case before.
    server = serving(lambda _server, connection: connection.close())

    assert post(transport_to(server.port), body="x" * 5_000_000) is MaybeSent


def test_a_connection_dropped_at_the_second_request_may_have_been_sent_and_not_repeated(serving):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        server.read(connection)

    server = serving(serve)
    transport = transport_to(server.port)
    post(transport)

    assert post(transport) is MaybeSent
    assert len(server.requests) == 2


def test_after_a_lost_request_the_next_that_never_got_there_is_not_sent(serving):
    server = serving(lambda server, connection: server.read(connection) and None)
    transport = transport_to(server.port)
    assert post(transport) is MaybeSent
    server.close()

    assert post(transport) is NotSent


@pytest.mark.fault("vendor-hangs")
def test_silence_may_have_been_sent_within_the_deadline(serving):
    server = serving(lambda server, connection: server.read(connection) and server.over.wait(5) and None)

    with at_most(3):
        assert post(transport_to(server.port), seconds=1) is MaybeSent


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
def test_half_an_answer_may_have_been_sent(serving, answer: bytes):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answer)

    assert post(transport_to(serving(serve).port)) is MaybeSent


@pytest.mark.parametrize("length", [b"Content-Length: 2000000", b"Connection: close"])
def test_a_body_without_end_is_not_read(serving, length: bytes):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n" + b"x" * 2_000_000)

    server = serving(serve)
    transport = transport_to(server.port)

    assert post(transport) is MaybeSent
    assert post(transport) is MaybeSent
    assert server.connections == 2, "what was not read must not be read as the next response"


@pytest.mark.parametrize("spare", [-1, 1])
def test_a_body_is_read_up_to_a_bound(serving, spare: int):
    length = MAX_BODY + spare
    server = serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, b"x" * length)))

    ending = post(transport_to(server.port))

    assert ending == (Response(200, b"x" * length) if spare < 0 else MaybeSent)


# In time


def trickling(answer: bytes, at_once: int = 0, pause: float = 0.1) -> Callable[[Server, socket.socket], None]:
    """Sends a part of the answer at once and of the rest a byte at a time."""

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answer[:at_once])
        for byte in answer[at_once:]:
            if server.over.wait(pause):
                return
            connection.sendall(bytes([byte]))

    return serve


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 1_000
BODY = LONG.index(b" " * 9)
TRICKLES = {
    "status line": (LONG, 0),
    "headers": (LONG, 20),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 90, 20),
    "body": (LONG, BODY),
    "chunks": (CHUNKED, CHUNKED.index(b"1\r\n ")),
    "until it closes": (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1_000, 19),
    "after 'continue'": (b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 25),
}


@pytest.mark.fault("vendor-trickles")
@pytest.mark.parametrize(("answer", "at_once"), TRICKLES.values(), ids=TRICKLES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_trickles_ends_by_the_deadline(
    serving, certificate: ssl.SSLContext, trusted: Trust, answer: bytes, at_once: int, scheme: str
):
    server = serving(trickling(answer, at_once), certificate if scheme == "https" else None)
    transport = trusted(transport_to(server.port, scheme)) if scheme == "https" else transport_to(server.port)

    with at_most(4):
        assert post(transport, seconds=1.5) is MaybeSent
    assert len(server.requests) == 1


def test_an_answer_that_trickles_and_is_in_time_is_an_answer(serving):
    server = serving(trickling(OK, pause=0.005))

    assert post(transport_to(server.port), seconds=2) == Response(200, b"{}")


def test_an_answer_may_take_as_long_as_reading_may_and_no_longer(serving, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "READ_SECONDS", 0.4)
    server = serving(trickling(LONG, BODY))

    with at_most(3):
        assert post(transport_to(server.port), seconds=5) is MaybeSent


@pytest.mark.fault("answer-late")
def test_connecting_and_answering_share_one_deadline(serving, monkeypatch: pytest.MonkeyPatch):
    # They used to have a deadline each: an answer came after 4.7 s to one who waited for 3.2 s.
    server = serving(lambda server, connection: server.read(connection) and server.over.wait(5) and None)
    connect = HTTPConnection.connect

    def slowly(self: HTTPConnection) -> None:
        time.sleep(1.5)
        connect(self)

    monkeypatch.setattr(HTTPConnection, "connect", slowly)

    with at_most(3.7):
        assert post(transport_to(server.port), seconds=2.5) is MaybeSent
    assert len(server.requests) == 1


def test_a_tls_handshake_that_trickles_is_not_sent_within_the_connect_time(serving, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.4)

    def serve(server: Server, connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"\x16\x03\x03\x40\x00")  # the head of a long record
        while not server.over.wait(0.1):
            connection.sendall(b"\x00")

    with at_most(3):
        assert post(transport_to(serving(serve).port, "https")) is NotSent


@pytest.mark.parametrize("used_before", [False, True])
def test_a_server_that_does_not_read_ends_by_the_deadline(serving, used_before: bool):  # noqa: FBT001
    def serve(server: Server, connection: socket.socket) -> None:
        if used_before:
            server.read(connection)
            connection.sendall(OK)
        server.over.wait(5)

    server = serving(serve)
    transport = transport_to(server.port)
    if used_before:
        post(transport)

    with at_most(3):
        assert post(transport, seconds=1, body="x" * 20_000_000) is MaybeSent
    assert server.connections == 1


def test_the_next_request_on_a_connection_has_times_of_its_own(serving):
    server = serving(answering(OK))
    transport = transport_to(server.port)
    assert post(transport, seconds=1.5) == Response(200, b"{}")
    time.sleep(1.6)

    assert post(transport, seconds=1.5) == Response(200, b"{}")
    assert server.connections == 1


def test_no_thread_and_no_connection_is_left_behind_by_what_trickles(serving):
    server = serving(trickling(LONG, BODY))
    transport = transport_to(server.port)
    before = threading.active_count()

    for _ in range(3):
        assert post(transport, seconds=1) is MaybeSent

    assert wait_for(lambda: threading.active_count() <= before), "the server sees that each was closed"


# The permit


def test_a_permit_that_was_revoked_in_time_sends_nothing(serving):
    server = serving(answering(OK))
    permit = Permit()
    assert permit.revoke()

    assert post(transport_to(server.port), permit=permit) is NotSent
    assert server.requests == []
    assert not permit.written


def test_a_permit_cannot_be_revoked_once_the_request_is_written(serving):
    permit = Permit()
    revoked: list[bool] = []

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        revoked.append(permit.revoke())
        connection.sendall(OK)

    assert post(transport_to(serving(serve).port), permit=permit) == Response(200, b"{}")
    assert revoked == [False]
    assert permit.written


@pytest.mark.parametrize("dropping", [False, True])
def test_a_request_that_is_not_sent_leaves_its_permit_unused(serving, dropping: bool):  # noqa: FBT001
    permit = Permit()
    port = serving(lambda _server, connection: connection.recv(10)).port if dropping else free_port()

    assert post(transport_to(port, "https" if dropping else "http"), permit=permit) is NotSent
    assert permit.revoke()


@pytest.mark.fault("name-lookup-hangs")
def test_a_request_that_hangs_in_the_look_up_of_the_name_can_be_revoked(serving, monkeypatch: pytest.MonkeyPatch):
    # Nothing interrupts it: so who waits goes away, and what hung must not send afterwards.
    server = serving(answering(OK))
    hanging, found = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def hangs(host: str, *args: Any, **options: Any) -> Any:
        hanging.set()
        found.wait(5)
        return look_up("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    permit, endings = Permit(), list[object]()
    transport = transport_to(server.port, host="vendor.example")
    thread = threading.Thread(target=lambda: endings.append(post(transport, permit=permit)))
    thread.start()
    hanging.wait(5)

    assert permit.revoke()
    found.set()
    thread.join()

    assert endings == [NotSent]
    assert server.requests == []


def test_of_a_waiter_and_a_writer_exactly_one_comes_first():
    for _ in range(300):
        permit, begun, barrier = Permit(), list[bool](), threading.Barrier(2)

        def write(permit: Permit = permit, begun: list[bool] = begun, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            begun.append(permit.begin())

        thread = threading.Thread(target=write)
        thread.start()
        barrier.wait()
        revoked = permit.revoke()
        thread.join()

        assert begun == [not revoked]


def test_a_permit_may_be_asked_more_than_once():
    permit = Permit()
    assert permit.begin()
    assert permit.begin()
    assert not permit.revoke()
    assert not permit.revoked

    permit.take_back()
    assert permit.revoke()
    assert permit.revoke()
    assert not permit.begin()
    assert not permit.written


# More than one thread, and TLS


def test_what_one_thread_wrote_says_nothing_of_another(serving):
    written, go_on = threading.Event(), threading.Event()

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        written.set()
        go_on.wait(4)

    good, refused = transport_to(serving(serve).port), transport_to(free_port())
    fates: list[Response | type[TransportFailure]] = []
    thread = threading.Thread(target=lambda: fates.append(post(good)))
    thread.start()
    assert written.wait(4)

    assert post(refused) is NotSent
    go_on.set()
    thread.join()
    assert fates == [MaybeSent]


def test_many_threads_have_their_own_connections(serving):
    all_there = threading.Barrier(4, timeout=4)

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            all_there.wait()
            connection.sendall(OK)

    server = serving(serve)
    transport = transport_to(server.port)
    answers: list[Response | type[TransportFailure]] = []
    threads = [threading.Thread(target=lambda: answers.append(post(transport))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [Response(200, b"{}")] * 4
    assert server.connections == 4


def test_over_tls_a_dropped_connection_may_have_been_sent_and_an_answer_an_answer(
    serving, certificate: ssl.SSLContext, trusted: Trust
):
    good = serving(answering(OK), certificate)
    bad = serving(lambda server, connection: server.read(connection) and None, certificate)

    assert post(trusted(transport_to(good.port, "https"))) == Response(200, b"{}")
    assert post(trusted(transport_to(bad.port, "https"))) is MaybeSent


@pytest.mark.parametrize("url", ["", "vendor.example", "ftp://vendor.example", "https://", "//x"])
def test_what_is_no_servers_url_is_an_error_at_the_start(url: str):
    with pytest.raises(ValueError, match="URL of a server"):
        HttpTransport(url, 1, time.time)


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

    transport = transport_to(serving(serve).port)
    path = f"/token?key={SECRETS[2]}&x={SECRETS[1]}"

    texts: list[str] = []
    with caplog.at_level(logging.DEBUG):
        for one in (transport, transport_to(free_port())):
            try:
                one.request("GET", path, {}, Deadline.within(2, time.monotonic))
            except TransportFailure as failure:
                texts.append("".join(traceback.format_exception(failure)))

    written = "\n".join([*texts, *(record.getMessage() for record in caplog.records), caplog.text])
    for secret in (PASSWORD, *SECRETS):
        assert secret not in written


@pytest.fixture
def trusted(certificate: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory) -> Trust:
    def trust(transport: HttpTransport) -> HttpTransport:
        context = ssl.create_default_context(cafile=str(tmp_path_factory.getbasetemp() / "server.pem"))
        transport._pool.conn_kw["ssl_context"] = context
        return transport

    return trust
