"""HTTP to a neighbour: one request, tried once. Of a failure one thing matters: whether it may have got there.

The whole exchange ends by its deadline, whatever the other side does:

    looking the name up, connecting, TLS    ≤ 2 s     fails as NotSent
    ── Permit.begin(): from here on it counts as written ──
    writing, headers, body                  ≤ 8 s     fails as MaybeSent

Only the name's look-up cannot be interrupted. Whoever does not want to wait for it revokes the permit.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from bridge import tls
from bridge.errors import MaybeSent, NotSent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import BaseHTTPResponse

    from bridge.times import Deadline

CONNECT_SECONDS = 2.0
READ_SECONDS = 8.0  # Message Central has been seen to stall; docs/contracts/message_central.md
IDLE_SECONDS = 3.0
"""How long a connection may lie unused. Peers commonly drop theirs after 5 s, and a function that is frozen between two
events does not see it: a request lost on such a connection would be a message in doubt."""

NEARLY_SECONDS = 0.05
"""By how much a socket's timeout may differ from what is left: each change of it is a system call, in which every other
thread may take the interpreter away."""

MAX_BODY = 1_000_000  # bytes; the answers of our neighbours need a thousandth of it
PIECE = 16_384  # bytes written or read at a time: as much as a TLS record holds

# urllib3 logs URLs: each at debug level, and as a warning that of a response with odd headers. The token call's URL
# holds the password. A filter holds whatever level anybody sets.
for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(lambda _: False)


_TIMEOUT = Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. `retry_after` is the header, as it was written."""

    status: int
    body: bytes
    retry_after: str | None = None


class Permit:
    """Leave to write a request, shared by the thread that writes it and the one that waits for the outcome.

    Either of them is first: once it is begun it cannot be revoked, and once it is revoked it is never begun.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = False
        self._revoked = False

    def begin(self) -> bool:
        """Whether the request may be written now; from then on it counts as written."""
        with self._lock:
            self._written = not self._revoked
            return self._written

    def revoke(self) -> bool:
        """Whether nothing was written, and now nothing ever will be."""
        with self._lock:
            self._revoked = not self._written
            return self._revoked

    def take_back(self) -> None:
        """What was written was surely not carried out, as its response says: it counts as not written."""
        with self._lock:
            self._written = False

    @property
    def written(self) -> bool:
        """Whether a request may have been written under it."""
        return self._written

    @property
    def revoked(self) -> bool:
        """Whether nothing may be written under it any more."""
        return self._revoked


class HttpTransport:
    """Kept-alive connections to one server, for many threads."""

    def __init__(self, base_url: str, connections: int, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds: a monotonic clock may stand still while the function is frozen.

        Raises:
            ValueError: the URL is not that of an HTTP server.
        """
        url = urlsplit(base_url)
        if not url.hostname or url.scheme not in ("http", "https"):
            raise ValueError("not the URL of a server: expected http(s)://host[:port][/path]")
        self._pool = _pool(url.scheme, url.hostname, url.port, connections)
        self._path = url.path.rstrip("/")
        self._clock = clock

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        body: str | bytes | None = None,
        permit: Permit | None = None,
    ) -> Response:
        """One request, tried once; redirections are not followed.

        Raises:
            NotSent: nothing was written, for want of a connection, of time or of the permit.
            MaybeSent: no whole response came within the time.
        """
        exchange = _current.exchange = _Exchange(deadline, permit, self._clock)
        failure: type[NotSent | MaybeSent]
        try:
            return self._exchange(method, path, headers, body)
        except (HTTPError, OSError):
            failure = MaybeSent if exchange.written else NotSent
        # Neither logged nor chained: the error's text and trace may hold the URL, and with it the password.
        raise failure("no response" if exchange.written else "no connection, or no time left to write the request")

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: str | bytes | None) -> Response:
        response = self._pool.urlopen(
            method,
            self._path + path,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=_TIMEOUT,
        )
        try:
            return Response(response.status, _whole(response), response.headers.get("Retry-After"))
        finally:
            response.release_conn()


def _whole(response: BaseHTTPResponse) -> bytes:
    body = b""
    for piece in response.stream(PIECE):
        body += piece
        if len(body) > MAX_BODY:
            response.close()
            raise OSError("the body is larger than any that is expected")
    return body


class _Exchange:
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

    exchange: _Exchange


_current = _Current()


def _limit(channel: socket.socket, seconds: float) -> None:
    """Let each call on a socket take so many seconds."""
    now = channel.gettimeout()
    if now is None or abs(now - seconds) > NEARLY_SECONDS:
        channel.settimeout(seconds)


class _TimedReader(io.RawIOBase):
    """Reads from a socket, each time for no longer than the exchange may still last."""

    def __init__(self, channel: socket.socket, raw: io.RawIOBase, exchange: _Exchange) -> None:
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
        self.fp = io.BufferedReader(_TimedReader(sock, raw, _current.exchange))


class _TimedConnection(HTTPConnection):
    """A connection that keeps to the exchange's times, says when it writes, and grows old."""

    response_class = _TimedResponse
    used_at = 0.0

    @property
    def is_connected(self) -> bool:
        # urllib3 asks this before it uses a connection again, and opens a new one when it is not.
        return super().is_connected and _current.exchange.clock() - self.used_at < IDLE_SECONDS

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers. They share the time: one that is dead must not use it up."""
        exchange = _current.exchange
        addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        failure = OSError("the name has no address")
        for index, (*_, address) in enumerate(addresses):
            host, port = address[:2]
            try:
                channel = socket.create_connection((str(host), port), exchange.left() / (len(addresses) - index))
            except OSError as error:
                failure = error
            else:
                channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                channel.settimeout(exchange.left())  # for TLS
                return channel
        raise failure

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange = _current.exchange
        exchange.begin()
        self.used_at = exchange.clock()
        for start in range(0, len(data), PIECE):
            _limit(self.sock, exchange.left())
            super().send(data[start : start + PIECE])


class _TimedTlsConnection(_TimedConnection, HTTPSConnection):
    """The same over TLS."""


def _pool(scheme: str, host: str, port: int | None, connections: int) -> HTTPConnectionPool:
    pool: HTTPConnectionPool
    if scheme == "http":
        pool = HTTPConnectionPool(host, port, maxsize=connections)
        pool.ConnectionCls = _TimedConnection
    else:
        pool = HTTPSConnectionPool(host, port, maxsize=connections, ssl_context=tls.context(None))
        pool.ConnectionCls = _TimedTlsConnection
    return pool
