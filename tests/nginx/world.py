"""A real nginx between the bridge and a small Message Central, and what each of them does wrong."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from bridge.message_central.client import MessageCentral
from bridge.message_central.sandbox import outcome
from bridge.permit import Permit
from bridge.times import Deadline
from bridge.transport import HttpTransport
from tests.fakes.values import AUTH_TOKEN, VENDOR_TOKEN, account, message
from tests.nginx.server import Nginx, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bridge.account import Account
    from bridge.message import Outcome

SERVER = Template("""
        large_client_header_buffers 2 1k;
        proxy_read_timeout 2s;

        location /forwarded/ { proxy_pass http://127.0.0.1:$backend/; }
        location /gone/ { proxy_pass http://127.0.0.1:$nobody/; }
        location /limited/ { limit_req zone=all; proxy_pass http://127.0.0.1:$backend/; }
        location /small/ { client_max_body_size 10; proxy_pass http://127.0.0.1:$backend/; }
        location /missing/ { root $directory/empty; }
        location /moved/ { return 302 https://elsewhere.example/maintenance; }
        location /maintenance/ {
            add_header Retry-After 120 always;
            return 503 "<html><h1>We are back soon</h1></html>";
        }
        location /holiday/ { return 200 "<html><h1>We are back soon</h1></html>"; }
        location /forbidden/ { return 403; }
        location /hanging-up/ { return 444; }
""")


class Backend(ThreadingHTTPServer):
    """Message Central behind nginx. It takes every message, then does what `afterwards` says."""

    daemon_threads = True
    request_queue_size = 128  # else connections that come at once wait for a second, which nginx does not

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.took: list[str] = []
        """The numbers of the messages that it took."""
        self.afterwards: Callable[[_Handler], None] = answers
        self.over = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: Backend
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply(200, {"status": 200, "token": VENDOR_TOKEN})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.server.took.extend(form["mobileNumber"])
        self.server.afterwards(self)

    def reply(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def answers(handler: _Handler) -> None:
    """As the contract says."""
    data = {"verificationId": "4711", "responseCode": "200"}
    handler.reply(200, {"responseCode": 200, "message": "SUCCESS", "data": data})


def closes(handler: _Handler) -> None:
    """It dies: the connection ends."""
    handler.close_connection = True


def resets(handler: _Handler) -> None:
    """It dies: the connection is reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def dies_while_answering(handler: _Handler) -> None:
    """It dies when half of the answer is written."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    handler.close_connection = True


def hangs(handler: _Handler) -> None:
    """It never answers."""
    handler.server.over.wait(30)
    handler.close_connection = True


def fails(handler: _Handler) -> None:
    """Its own error."""
    handler.reply(500, {"responseCode": 500, "message": "SERVER_ERROR"})


def nginx_before(backend: Backend, directory: Path) -> Nginx:
    """A running nginx; each of its locations is a base URL."""
    (directory / "empty").mkdir()
    [nobody] = free_ports(1)
    return Nginx(directory, SERVER.substitute(directory=directory, backend=backend.server_port, nobody=nobody))


class Bridge:
    """Message Central's client, with one of nginx's locations as its URL."""

    def __init__(self, base_url: str) -> None:
        transport = HttpTransport(base_url, 4, time.time)
        self._client = MessageCentral(transport, lambda _: self.account, outcome, time.time)
        self.account: Account = account(auth_token=AUTH_TOKEN)

    def send(self, index: int = 1) -> Outcome:
        deadline = Deadline.within(7, time.monotonic)
        return self._client.send(message(index), self.account, deadline, Permit())

    def probe(self) -> bool:
        return self._client.probe(self.account, Deadline.within(5, time.monotonic))
