"""A real nginx on a port of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from string import Template
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = Template("""
$user
daemon off;
pid $directory/nginx.pid;
error_log $directory/error.log;
events {}
http {
    access_log off;
    default_type text/html;
    client_body_temp_path $directory/body;
    proxy_temp_path $directory/proxy;
    fastcgi_temp_path $directory/fastcgi;
    uwsgi_temp_path $directory/uwsgi;
    scgi_temp_path $directory/scgi;
    limit_req_zone $$server_name zone=all:64k rate=$rate;
    limit_req_status 429;
    proxy_http_version 1.1;
    proxy_connect_timeout 1s;

    server {
        listen 127.0.0.1:$port;
        server_name vendor;
        $server
    }
}
""")


class Nginx:
    """A running nginx. `server` is the inside of its `server` block; `rate` that of its limit `all`.

    Skips the test where nginx is not installed; in CI the test fails.
    """

    def __init__(self, directory: Path, server: str, *, rate: str = "1r/m") -> None:
        [self.port] = free_ports(1)
        self.directory = directory
        self._log = directory / "error.log"
        configuration = directory / "nginx.conf"
        # Where root runs it, its workers would be nobody, who may not enter pytest's directories.
        user = "user root;" if os.geteuid() == 0 else ""
        configuration.write_text(
            CONFIGURATION.substitute(user=user, directory=directory, port=self.port, server=server, rate=rate)
        )
        self._process = subprocess.Popen([_program(), "-c", configuration, "-e", self._log, "-p", directory])
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


def free_ports(count: int) -> list[int]:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


def _program() -> str:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        reason = "nginx is not installed (Debian: apt-get install nginx-light)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return program
