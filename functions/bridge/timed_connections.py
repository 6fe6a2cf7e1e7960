"""Connections that end by a deadline, whatever the other side does.

    looking the name up, connecting, TLS    ≤ 2 s
    ── Permit.begin(): from here on the request counts as written ──
    writing, headers, body                  ≤ 8 s

Only the name's look-up cannot be interrupted. A thread that does not want to wait for it revokes the permit.
"""

from __future__ import annotations

import http.client
import io
import logging
import threading
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from bridge import tls
from bridge.addresses import connect

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bridge.permit import Permit
    from bridge.times import Deadline

CONNECT_SECONDS = 2.0
READ_SECONDS = 8.0  # Message Central has been seen to stall; docs/contracts/message_central.md
IDLE_SECONDS = 3.0
"""How long a connection may lie unused. Peers commonly drop theirs after 5 s, and a function that is frozen between two
events does not see it: a request lost on such a connection would be a message in doubt."""

NEARLY_SECONDS = 0.05
"""By how much a socket's timeout may differ from what is left: each change of it is a system call, in which every other
thread may take the interpreter away."""

PIECE = 16_384  # bytes written or read at a time: as much as a TLS record holds

# urllib3 logs URLs: each at debug level, and as a warning that of a response with odd headers. The token call's URL
# holds the password. A filter holds whatever level anybody sets.
for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(lambda _: False)


class Exchange:
    """One request and its response: until when they may go on, and whether anything was written."""

    def __init__(self, deadline: Deadline, permit: Permit | None, clock: Callable[[], float]) -> None:
        self._deadline = deadline
        self._permit = permit
        self.clock = clock
        self.written = False
        self._allow(CONNECT_SECONDS)

    def left(self) -> float:
        """Seconds left for what is being done now.

        Raises:
            TimeoutError: there are none.
        """
        # Two clocks: one goes on while the function is frozen, the other is never put back.
        left = min(self._until - self.clock(), self._deadline.remaining())
        if left <= 0:
            raise TimeoutError("the time is over")
        return left

    def begin(self) -> None:
        """To be called before anything is written.

        Raises:
            TimeoutError: it is too late to begin.
        """
        if self.written:
            return
        self.left()
        if self._permit and not self._permit.begin():
            raise TimeoutError("the permit was revoked")
        self.written = True
        self._allow(READ_SECONDS)

    def _allow(self, seconds: float) -> None:
        self._until = self.clock() + min(seconds, self._deadline.remaining())


class _Current(threading.local):
    """The exchange that this thread is making now. urllib3 has no way to hand it to a connection."""

    exchange: Exchange


current = _Current()


def _limit(channel: socket.socket, seconds: float) -> None:
    """Let each call on a socket take so many seconds."""
    now = channel.gettimeout()
    if now is None or abs(now - seconds) > NEARLY_SECONDS:
        channel.settimeout(seconds)


class _TimedReader(io.RawIOBase):
    """Reads from a socket, each time for no longer than the exchange may still last."""

    def __init__(self, channel: socket.socket, raw: io.RawIOBase, exchange: Exchange) -> None:
        self._channel, self._raw, self._exchange = channel, raw, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _limit(self._channel, self._exchange.left())
        return self._channel.recv_into(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A response that is read in time, headers and body."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        raw = self.fp.detach()  # the reader below the buffer
        self.fp = io.BufferedReader(_TimedReader(sock, raw, current.exchange))


class _TimedConnection(HTTPConnection):
    """A connection that keeps to the exchange's times, says when it writes, and grows old."""

    response_class = _TimedResponse
    used_at = 0.0
    _pieces: list[bytes]

    @property
    def is_connected(self) -> bool:
        # urllib3 asks this before it uses a connection again, and opens a new one when it is not.
        return super().is_connected and current.exchange.clock() - self.used_at < IDLE_SECONDS

    def _new_conn(self) -> socket.socket:
        return connect(self._dns_host, self.port, current.exchange.left)

    def request(self, *arguments: Any, **options: Any) -> None:
        """Write a request, head and body at once: each write is a system call more, in which every other thread may
        take the interpreter away.
        """
        self._pieces = []
        super().request(*arguments, **options)
        self._write(b"".join(self._pieces))

    def send(self, data: Any) -> None:
        self._pieces.append(data)

    def _write(self, data: bytes) -> None:
        if self.sock is None:
            self.connect()
        exchange = current.exchange
        exchange.begin()
        self.used_at = exchange.clock()
        for start in range(0, len(data), PIECE):
            _limit(self.sock, exchange.left())
            super().send(data[start : start + PIECE])


class _TimedTlsConnection(_TimedConnection, HTTPSConnection):
    """The same over TLS."""


def pool(scheme: str, host: str, port: int | None, connections: int) -> HTTPConnectionPool:
    """Kept-alive connections to one server. Each serves the exchange in `current` of the thread that uses it."""
    found: HTTPConnectionPool
    if scheme == "http":
        found = HTTPConnectionPool(host, port, maxsize=connections)
        found.ConnectionCls = _TimedConnection
    else:
        found = HTTPSConnectionPool(host, port, maxsize=connections, ssl_context=tls.context(None))
        found.ConnectionCls = _TimedTlsConnection
    return found
