"""HTTP to a neighbour: one request, tried once. Of a failure one thing matters: whether the request may have got there.

The whole exchange ends by its deadline (`timed_connections.py`). What fails before the request is written is `NotSent`,
what fails after it is `MaybeSent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from urllib3 import Retry, Timeout
from urllib3.exceptions import HTTPError

from bridge.errors import MaybeSent, NotSent
from bridge.timed_connections import PIECE, READ_SECONDS, Exchange, current, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import BaseHTTPResponse

    from bridge.permit import Permit
    from bridge.times import Deadline

MAX_BODY = 1_000_000  # bytes; the answers of our neighbours need a thousandth of it

# What urllib3 sets on the socket, twice a request: what the exchange mostly allows, which then need not be set again.
_TIMEOUT = Timeout(connect=READ_SECONDS, read=READ_SECONDS)
_NO_RETRIES = Retry(total=False, redirect=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. `retry_after` is the header, as it was written."""

    status: int
    body: bytes
    retry_after: str | None = None


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
        self._pool = pool(url.scheme, url.hostname, url.port, connections)
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
        exchange = current.exchange = Exchange(deadline, permit, self._clock)
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
            retries=_NO_RETRIES,
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
