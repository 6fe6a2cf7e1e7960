"""The server under the simulators and `make run`."""

import contextlib
import gc
import socket
import threading
import time

import pytest
import urllib3

from local.http_server import Drop, HttpAnswer, HttpServer, json_answer

http = urllib3.PoolManager(retries=False, timeout=10)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def receive(connection):
    """What comes until the other side closes or cuts the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65_536):
            received += more
    return received


def echo(request):
    return json_answer({"path": request.path, "query": request.query, "headers": request.headers}, 201)


@pytest.mark.parametrize("threads", [0, 2])
def test_a_request_comes_to_the_handler_as_it_was_sent(threads):
    with HttpServer(echo, threads=threads) as server:
        headers = urllib3.HTTPHeaderDict([("X-Own", "1"), ("X-Own", "2")])
        answer = http.request("GET", f"{server.url}/a%2Fb/c?x=%20y", headers=headers)

    assert answer.status == 201
    assert (answer.json()["path"], answer.json()["query"]) == ("/a%2Fb/c", "x=%20y")
    assert answer.json()["headers"]["x-own"] == "1,2"


def test_a_client_that_asks_first_is_told_to_send_its_body():
    with HttpServer(lambda request: HttpAnswer(200, request.body)) as server, connect(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert connection.recv(65_536).endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize("threads", [0, 2])
def test_a_dropped_request_gets_no_answer(threads):
    with HttpServer(lambda _: Drop(after=0.01), threads=threads) as server, connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert receive(connection) == b""


def test_a_handler_that_fails_is_answered_500_and_logged(caplog):
    def fail(_request):
        raise ValueError("as told")

    with HttpServer(fail) as server:
        assert http.request("GET", f"{server.url}/here").status == 500

    assert "GET /here failed" in caplog.text


@pytest.mark.parametrize("threads", [0, 2])
def test_a_stop_cuts_connections_and_waits_for_no_answer(threads):
    begun = threading.Event()

    def slow(_request):
        begun.set()
        return HttpAnswer(200, after=60)

    with HttpServer(slow, threads=threads) as server, connect(server) as idle, connect(server) as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        begun.wait(10)
        server.stop()

        assert receive(idle) == receive(waiting) == b""


def test_a_connection_that_comes_while_it_stops_is_cut():
    begun, go_on = threading.Event(), threading.Event()

    def busy(_request):
        begun.set()
        go_on.wait(10)
        return HttpAnswer(200)

    server = HttpServer(busy).start()
    with connect(server) as first:
        first.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        begun.wait(10)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.1)  # until the order to stop waits for the event loop, before the new connection does
        with connect(server) as second:
            go_on.set()
            stopping.join(10)

            assert receive(second) == b""
    gc.collect()  # a socket that was forgotten warns, and warnings are errors
