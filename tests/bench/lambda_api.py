"""A function as Lambda starts it: AWS's runtime client in a new process, and a stub of the Runtime API that feeds it.

process start ──▶ imports, clients ──▶ GET …/invocation/next ──▶ handler ──▶ POST …/invocation/<id>/response
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_SECONDS = 120
POLL_SECONDS = 0.02  # how soon the server notices its end; by default half a second, as long as a function lives


@dataclass(frozen=True)
class Life:
    """A function's life: its CPU seconds, its peak memory, and how many bytes it logged."""

    cpu: float
    peak_mb: float
    logged: int


class _Api(ThreadingHTTPServer):
    """Hands out events one by one; asked for one more, it lets the function wait."""

    daemon_threads = True

    def __init__(self, events: Sequence[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Routes)
        self.events = list(events)
        self.given = 0
        self.failure = b""
        self.over = threading.Event()


class _Routes(BaseHTTPRequestHandler):
    server: _Api
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.server.given == len(self.server.events):
            self.server.over.set()
            time.sleep(TIMEOUT_SECONDS)
            return
        event = self.server.events[self.server.given]
        self.server.given += 1
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"8f5a6f2e-0000-4000-8000-{self.server.given:012}",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1_000) + 60_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:bench",
            "Lambda-Runtime-Trace-Id": "Root=1-67a0b1c2-3d4e5f60718293a4b5c6d7e8;Parent=53995c3f42cd8ad8;Sampled=0",
        }
        self._answer(200, event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/error"):
            self.server.failure = body
            self.server.over.set()
        self._answer(202, b"{}", {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def peak_mb(process: int | str) -> float:
    """The most memory that a process had. What `getrusage` tells begins with what its parent had."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]


def live(directory: Path, handler: str, events: Sequence[dict[str, Any]], environment: dict[str, str]) -> Life:
    """Start a function, feed it events, end it."""
    api = _Api([json.dumps(event).encode() for event in events])
    threading.Thread(target=api.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    variables = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
        "LAMBDA_TASK_ROOT": str(directory),
        **environment,
    }
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "awslambdaric", handler]
        process = subprocess.Popen(command, cwd=directory, env=variables, stdout=log)
        try:
            over = api.over.wait(TIMEOUT_SECONDS)
            peak = peak_mb(process.pid)
        finally:
            process.kill()
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            api.shutdown()
            api.server_close()
        logged = os.fstat(log.fileno()).st_size
    if api.failure or not over:
        raise RuntimeError(f"{handler} failed: {api.failure.decode() or 'no answer'}")
    cpu = usage.ru_utime + usage.ru_stime
    return Life(cpu, peak, logged)
