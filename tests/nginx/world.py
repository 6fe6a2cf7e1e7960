"""A real nginx between the bridge and a small Message Central, and what each of them does wrong."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from bridge.message_central.client import MessageCentral
from bridge.times import Deadline
from bridge.transport import HttpTransport, Permit
from tests.fakes.values import AUTH_TOKEN, VENDOR_TOKEN, account, message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bridge.account import Account
    from bridge.message import Outcome

CONFIGURATION = Template("""
$user
daemon off;
pid $directory/nginx.pid;
error_log $directory/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $directory/body;
    proxy_temp_path $directory/proxy;
    fastcgi_temp_path $directory/fastcgi;
    uwsgi_temp_path $directory/uwsgi;
    scgi_temp_path $directory/scgi;
    limit_req_zone $$server_name zone=all:64k rate=1r/m;
    proxy_http_version 1.1;
    proxy_connect_timeout 1s;
    proxy_read_timeout 1s;

    server {
        listen 127.0.0.1:$port;
        server_name vendor;
        large_client_header_buffers 2 1k;

        location /forwarded/ { proxy_pass http://127.0.0.1:$backend/; }
        location /gone/ { proxy_pass http://127.0.0.1:$nobody/; }
        location /limited/ { limit_req zone=all; limit_req_status 429; proxy_pass http://127.0.0.1:$backend/; }
        location /small/ { client_max_body_size 10; proxy_pass http://127.0.0.1:$backend/; }
        location /missing/ { root $directory/empty; }
        location /moved/ { return 302 https://elsewhere.example/maintenance; }
        location /maintenance/ {
            default_type text/html;
            add_header Retry-After 120 always;
            return 503 "<html><h1>We are back soon</h1></html>";
        }
        location /holiday/ { default_type text/html; return 200 "<html><h1>We are back soon</h1></html>"; }
        location /forbidden/ { return 403; }
        location /hanging-up/ { return 444; }
    }
}
""")


class Backend(ThreadingHTTPServer):
    """Message Central behind nginx. It takes every message, then does what `afterwards` says."""

    daemon_threads = True

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


class Nginx:
    """A running nginx; each of its locations is a base URL."""

    def __init__(self, program: str, directory: Path, backend: int) -> None:
        self.port, nobody = _free_ports(2)
        self._log = directory / "error.log"
        (directory / "empty").mkdir()
        configuration = directory / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.substitute(
                user="user root;" if os.geteuid() == 0 else "",  # else it may not enter pytest's directory
                directory=directory,
                port=self.port,
                backend=backend,
                nobody=nobody,
            )
        )
        self._process = subprocess.Popen([program, "-c", configuration, "-e", self._log, "-p", directory])
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        pytest.fail(f"nginx does not listen: {self._log.read_text() if self._log.exists() else 'no log'}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Bridge:
    """Message Central's client, with one of nginx's locations as its URL."""

    def __init__(self, base_url: str) -> None:
        self._client = MessageCentral(HttpTransport(base_url, 4, time.time), lambda _: self.account, time.time)
        self.account: Account = account(auth_token=AUTH_TOKEN)

    def send(self, index: int = 1) -> Outcome:
        deadline = Deadline.within(5, time.monotonic)
        return self._client.send(message(index), self.account, deadline, Permit())

    def probe(self) -> bool:
        return self._client.probe(self.account, Deadline.within(5, time.monotonic))


def _free_ports(count: int) -> list[int]:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports
