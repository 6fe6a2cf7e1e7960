"""HTTP to Message Central: one request, and for a failure the one thing that matters, whether it may have got there."""

from __future__ import annotations

import logging
import ssl
import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.times import Deadline

CONNECT_SECONDS = 2.0
READ_SECONDS = 8.0  # the vendor has been seen to stall; contracts/message_central.md §2
IDLE_SECONDS = 10.0
"""How long connections may lie unused. A function that is frozen between two events wakes up with connections that the
other side has long forgotten, and a request lost on one of them would be a message in doubt."""

# urllib3 logs URLs: each at debug level, and as a warning that of an answer with odd headers. The token call's URL
# holds the password. A filter holds whatever level anybody sets.
for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(lambda _: False)


class Fate(Enum):
    """How a request that brought no answer ended."""

    UNREACHED = "unreached"
    """Nothing was written: it surely never reached the vendor."""
    LOST = "lost"
    """It was written, at least in part: it may have been carried out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    retry_after: str | None = None


class _Written(threading.local):
    """Whether the request that this thread makes now has been written to a connection, and until when it may be."""

    yes = False
    until = 0.0


class Wire:
    """Kept-alive connections to one server, for many threads."""

    def __init__(self, base_url: str, connections: int, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds: a monotonic clock may stand still while the function is frozen."""
        url = urlsplit(base_url)
        if not url.hostname or url.scheme not in ("http", "https"):
            raise ValueError(f"MESSAGE_CENTRAL_URL is not the URL of a server: {base_url!r}")
        if url.scheme == "http":
            self._pool = HTTPConnectionPool(url.hostname, url.port, maxsize=connections)
        else:
            # Made once, at start-up: loading the certificates takes longer than a handshake.
            context = ssl.create_default_context()
            self._pool = HTTPSConnectionPool(url.hostname, url.port, maxsize=connections, ssl_context=context)
        self._path = url.path.rstrip("/")
        self._clock = clock
        self._written = _Written()
        self._pool.ConnectionCls = _noting(self._pool.ConnectionCls, self._written, clock)

    def request(
        self, method: str, path: str, headers: Mapping[str, str], deadline: Deadline, body: str | None = None
    ) -> Answer | Fate:
        """One request, tried once; it may take 2 s to connect and 8 s to answer, but not longer than the deadline."""
        left = max(0.1, deadline.remaining())
        self._written.yes = False
        self._written.until = self._clock() + left
        try:
            response = self._pool.urlopen(
                method,
                self._path + path,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=Timeout(connect=min(CONNECT_SECONDS, left), read=min(READ_SECONDS, left)),
            )
        except (HTTPError, OSError):
            # Neither logged nor chained: the error's text and trace may hold the URL, and with it the password.
            return Fate.LOST if self._written.yes else Fate.UNREACHED
        return Answer(response.status, response.data, response.headers.get("Retry-After"))


def _noting(connection: Any, written: _Written, clock: Callable[[], float]) -> Any:
    """One of urllib3's connection classes that notes when a request begins to be written, and grows old."""

    class Noting(connection):  # type: ignore[misc] # made from either of two classes
        used_at = 0.0

        @property
        def is_connected(self) -> bool:
            # urllib3 asks this before it uses a connection again, and opens a new one when it is not.
            return bool(super().is_connected) and clock() - self.used_at < IDLE_SECONDS

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            # A server may have several addresses, each of which takes its time; and a function that was frozen
            # meanwhile must not send hours later.
            if not written.yes and clock() > written.until:
                raise TimeoutError("too late to begin")
            written.yes = True
            self.used_at = clock()
            super().send(data)

    return Noting
