"""AWS's connections over real sockets: whether a call was perhaps made, and what the environment wants of the way."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bridge import tls
from bridge.addresses import connect
from bridge.aws import Aws
from bridge.aws_api import botocore_settings, route
from bridge.aws_api.connections import IDLE_SECONDS, Connections
from bridge.aws_api.route import connector
from bridge.errors import AwsSilent, AwsUnreached
from tests.fakes.raw_server import CLOSING, OK, Server, answering

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"


@pytest.fixture(autouse=True)
def closed_in_the_end(monkeypatch: pytest.MonkeyPatch):
    made: list[Connections] = []
    original = Connections.__init__

    def noting(self: Connections, *arguments: Any) -> None:
        made.append(self)
        original(self, *arguments)

    monkeypatch.setattr(Connections, "__init__", noting)
    yield
    for connection in [connection for connections in made for connection in connections._idle]:
        connection.close()


def connections_to(server: Server, scheme: str = "http", clock: Callable[[], float] = time.time) -> Connections:
    return Connections(connector(f"{scheme}://127.0.0.1:{server.port}"), clock)


def test_one_connection_serves_many_requests_each_written_in_one_piece(serving):
    server = serving(answering(OK))
    connections = connections_to(server)

    assert [connections.exchange(REQUEST) for _ in range(3)] == [(200, b"{}")] * 3
    assert server.connections == 1
    assert server.requests == [REQUEST] * 3


def test_threads_do_not_share_a_connection_and_leave_theirs_to_the_next(serving):
    all_there = threading.Barrier(4, timeout=route.READ_SECONDS)

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            if len(server.requests) <= 4:
                all_there.wait()
            connection.sendall(OK)

    server = serving(serve)
    connections = connections_to(server)
    threads = [threading.Thread(target=connections.exchange, args=(REQUEST,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for _ in range(4):
        assert connections.exchange(REQUEST) == (200, b"{}")
    assert server.connections == 4


@pytest.mark.parametrize("how", ["says so", "just closes", "answers with HTTP/1.0"])
def test_a_connection_that_the_other_side_ended_is_not_used_again(serving, how: str):
    answers = {"says so": CLOSING, "just closes": OK, "answers with HTTP/1.0": OK.replace(b"1.1", b"1.0")}

    def serve(server: Server, connection: socket.socket) -> None:
        if server.read(connection):
            connection.sendall(answers[how])

    server = serving(serve)
    connections = connections_to(server)

    for _ in range(3):
        assert connections.exchange(REQUEST) == (200, b"{}")
        time.sleep(0.05)  # until its end is here
    assert server.connections == 3


@pytest.mark.fault("connection-idle")
def test_connections_that_died_while_the_function_was_frozen_and_do_not_show_it_are_not_used_again(serving):
    begun, frozen = threading.Barrier(4, timeout=route.READ_SECONDS), threading.Event()
    now = [1_000.0]

    def serve(server: Server, connection: socket.socket) -> None:
        old = not frozen.is_set()
        while server.read(connection):
            if old and frozen.is_set():
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return  # it is reset: nobody knows of it any more
            if old:
                begun.wait()
            connection.sendall(OK)

    server = serving(serve)
    connections = connections_to(server, clock=lambda: now[0])
    threads = [threading.Thread(target=connections.exchange, args=(REQUEST,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    frozen.set()
    now[0] += 600

    assert connections.exchange(REQUEST) == (200, b"{}")
    assert server.connections == 5


@pytest.mark.fault("connection-idle")
def test_a_connection_is_kept_for_as_long_as_it_may_lie_unused(serving):
    server = serving(answering(OK))
    now = [1_000.0]
    connections = connections_to(server, clock=lambda: now[0])

    connections.exchange(REQUEST)
    now[0] += IDLE_SECONDS - 0.1
    connections.exchange(REQUEST)
    assert server.connections == 1

    now[0] += IDLE_SECONDS
    connections.exchange(REQUEST)
    assert server.connections == 2


def test_where_nobody_listens_the_call_is_surely_not_made():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(AwsUnreached, match="ConnectionRefusedError"):
        Connections(connector(f"http://127.0.0.1:{port}"), time.time).exchange(REQUEST)


def test_a_connection_that_does_not_come_about_in_time_is_none(serving, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(route, "CONNECT_SECONDS", 0.3)
    server = serving(lambda server, _: server.over.wait(5) and None)  # takes it, and says nothing to TLS

    started = time.monotonic()
    with pytest.raises(AwsUnreached, match="TimeoutError"):
        connections_to(server, "https").exchange(REQUEST)
    assert time.monotonic() - started < 2


def test_several_addresses_share_the_time_to_connect(serving, monkeypatch: pytest.MonkeyPatch):
    """An interface endpoint has one in each zone, and a zone may be gone."""
    server = serving(answering(OK))
    waited = addresses(monkeypatch, "10.0.0.1", "10.0.0.2", "127.0.0.1")
    connections = Connections(connector(f"http://aws.example:{server.port}"), time.time)

    assert connections.exchange(REQUEST) == (200, b"{}")
    assert sum(waited) < route.CONNECT_SECONDS


def test_where_no_address_answers_a_call_takes_no_longer_than_with_one(monkeypatch: pytest.MonkeyPatch):
    waited = addresses(monkeypatch, "10.0.0.1", "10.0.0.2", "10.0.0.3")

    with pytest.raises(AwsUnreached, match="TimeoutError"):
        Connections(connector("http://aws.example"), time.time).exchange(REQUEST)
    assert 0 < sum(waited) <= route.CONNECT_SECONDS


def test_a_connection_for_which_no_time_is_left_is_closed():
    times = iter([1.0])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        with pytest.raises(TimeoutError) as raised:  # holds on to the frames, and with them to what they left open
            connect("127.0.0.1", listener.getsockname()[1], lambda: next(times, None) or late())
        channel, _ = listener.accept()
        with channel:
            channel.settimeout(5)
            assert channel.recv(1) == b"", raised


def late() -> float:
    raise TimeoutError


def addresses(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> list[float]:
    """What aws.example has; those of 10.0.0.0/8 say nothing. Returns how long they are waited for."""
    look_up, connect = socket.getaddrinfo, socket.socket.connect
    waited: list[float] = []

    def several(host: str, *args: Any, **options: Any) -> Any:
        return [one for each in (hosts if host == "aws.example" else [host]) for one in look_up(each, *args, **options)]

    def silent(channel: socket.socket, address: tuple[str, int]) -> None:
        if not address[0].startswith("10."):
            return connect(channel, address)
        waited.append(channel.gettimeout() or 0.0)
        time.sleep(waited[-1])
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", several)
    monkeypatch.setattr(socket.socket, "connect", silent)
    monkeypatch.setattr(route, "CONNECT_SECONDS", 0.3)
    return waited


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_after_half_an_answer_the_call_was_perhaps_made(serving, answer: bytes):
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answer)

    with pytest.raises(AwsSilent, match="ConnectionResetError"):
        connections_to(serving(serve)).exchange(REQUEST)


def test_after_a_silence_the_call_was_perhaps_made_and_its_late_answer_is_no_others(
    serving, monkeypatch: pytest.MonkeyPatch
):
    given_up, answered = threading.Event(), threading.Event()

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            if len(server.requests) == 1:
                given_up.wait(5)
                with suppress(OSError):  # it is closed there
                    connection.sendall(OK.replace(b"{}", b"[]"))
                answered.set()
            else:
                connection.sendall(OK)

    connections = connections_to(serving(serve))

    with monkeypatch.context() as patch:
        patch.setattr(route, "READ_SECONDS", 0.3)
        with pytest.raises(AwsSilent, match="TimeoutError"):
            connections.exchange(REQUEST)
    given_up.set()
    assert answered.wait(5)
    assert connections.exchange(REQUEST) == (200, b"{}")


def test_a_connection_whose_answer_did_not_come_is_not_used_again_however_good_it_was_before():
    pairs = [socket.socketpair() for _ in range(2)]
    for _, far in pairs:
        far.sendall(OK)  # the answer to its first call is there before that is made
    new = iter(pairs)

    def connect() -> socket.socket:
        near, _ = next(new)
        near.settimeout(0.05)
        return near

    connections = Connections(connect, time.time)

    assert connections.exchange(REQUEST) == (200, b"{}")
    with pytest.raises(AwsSilent, match="TimeoutError"):
        connections.exchange(REQUEST)
    assert connections.exchange(REQUEST) == (200, b"{}"), "the late answer could be taken for this one's"

    for _, far in pairs:
        far.close()


def test_a_connection_that_breaks_while_it_is_written_to_was_perhaps_enough(serving):
    server = serving(lambda _, connection: connection.close())
    connections = connections_to(server)

    with pytest.raises(AwsSilent):
        connections.exchange(REQUEST + b"x" * 10_000_000)


def test_an_answer_in_chunks_is_read(serving):
    chunked = b"HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    assert connections_to(serving(answering(chunked))).exchange(REQUEST) == (503, b"abcde")


@pytest.fixture
def trusted(certificate: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path_factory.getbasetemp() / "server.pem"))
    yield
    tls.context.cache_clear()


def test_over_tls_a_certificate_of_the_environments_is_trusted(serving, certificate: ssl.SSLContext, trusted):
    server = serving(answering(OK), certificate)
    connections = connections_to(server, "https")

    assert [connections.exchange(REQUEST) for _ in range(2)] == [(200, b"{}")] * 2
    assert server.connections == 1


def test_a_certificate_that_nobody_vouches_for_gets_nothing(serving, certificate: ssl.SSLContext):
    server = serving(answering(OK), certificate)

    with pytest.raises(AwsUnreached, match="SSLCertVerificationError"):
        connections_to(server, "https").exchange(REQUEST)
    assert server.requests == []


def tunnelling(to: int, status: bytes = b"200 OK") -> Callable[[Server, socket.socket], None]:
    """A proxy that makes tunnels, wherever they are to go, to one port of this machine."""

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
        with socket.create_connection(("127.0.0.1", to)) as inner:
            back = threading.Thread(target=pump, args=(inner, connection), daemon=True)
            back.start()
            pump(connection, inner)
            back.join(2)

    return serve


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_is_asked_for_a_tunnel(
    serving, certificate: ssl.SSLContext, trusted, monkeypatch: pytest.MonkeyPatch, name: str
):
    server = serving(answering(OK), certificate)
    proxy = serving(tunnelling(server.port))
    monkeypatch.setenv(name, f"http://user:pass%3Aword@127.0.0.1:{proxy.port}")

    assert connections_to(server, "https").exchange(REQUEST) == (200, b"{}")
    [asked] = proxy.requests
    assert asked.startswith(b"CONNECT 127.0.0.1:%d HTTP/1" % server.port)
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n" in asked
    assert server.requests == [REQUEST]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_past_the_proxy_goes_what_it_is_not_for(
    serving, certificate: ssl.SSLContext, trusted, monkeypatch: pytest.MonkeyPatch, scheme: str
):
    server = serving(answering(OK), certificate if scheme == "https" else None)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    assert connections_to(server, scheme).exchange(REQUEST) == (200, b"{}")


def test_a_proxy_that_refuses_has_surely_not_passed_it_on(
    serving, certificate: ssl.SSLContext, trusted, monkeypatch: pytest.MonkeyPatch
):
    server = serving(answering(OK), certificate)
    proxy = serving(tunnelling(server.port, b"407 Proxy Authentication Required"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")

    with pytest.raises(AwsUnreached, match="OSError"):
        connections_to(server, "https").exchange(REQUEST)
    assert server.requests == []


@pytest.mark.parametrize("url", ["https://proxy.example:3128", "socks5://proxy.example"])
def test_a_proxy_of_another_kind_is_told_at_once(monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("HTTPS_PROXY", url)

    with pytest.raises(ValueError, match="HTTPS_PROXY: expected http://"):
        connector("https://sqs.example")


def test_credentials_that_are_renewed_are_used_as_soon_as_they_are_there(
    serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """As with SnapStart, where no key is in the environment."""
    given: list[dict[str, Any]] = []

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            ends = datetime.now(UTC) + timedelta(minutes=5)  # botocore renews what ends in ten
            number = len(server.requests)
            given.append({"AccessKeyId": f"AK{number}", "SecretAccessKey": f"SK{number}", "Token": f"T{number}"})
            body = json.dumps({**given[-1], "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    container, table = serving(serve), serving(answering(OK))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{container.port}/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{table.port}")
    botocore_settings._session.cache_clear()

    client = Aws().dynamodb()
    client.put_item(TableName="SmsLog")
    client.put_item(TableName="SmsLog")

    first, second = (request.decode() for request in table.requests)
    assert b"Authorization: container-token" in container.requests[0]
    assert "Credential=AK1/" in first or "Credential=AK2/" in first
    assert first.split("Credential=")[1][:3] != second.split("Credential=")[1][:3]
    for request in (first, second):
        number = request.split("Credential=AK")[1][0]
        assert f"X-Amz-Security-Token: T{number}\r\n" in request, "of one pair"
    botocore_settings._session.cache_clear()
