"""How a server of AWS's is reached: directly, or through the environment's proxy, with timeouts."""

from __future__ import annotations

import base64
import http.client
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bridge import addresses, tls
from bridge.times import Deadline

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from urllib.parse import SplitResult

# In one region a connection takes milliseconds, and so does an answer: what takes longer will not come.
CONNECT_SECONDS = 1
READ_SECONDS = 2
CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS


def connector(url: str) -> Callable[[], socket.socket]:
    """What connects to the server of a URL.

    Over https as the environment wants it: with the certificates of AWS_CA_BUNDLE in place of the system's, and
    through HTTPS_PROXY, but for what NO_PROXY names. http is for this machine, and goes nowhere else.

    Raises:
        ValueError: the proxy is none that can be used.
    """
    parts = urlsplit(url)
    proxy = _proxy(parts.netloc) if parts.scheme == "https" else None

    def connect() -> socket.socket:
        connection = _connection(parts, proxy)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(READ_SECONDS)
        return connection.sock

    return connect


def _connection(server: SplitResult, proxy: _Proxy | None) -> http.client.HTTPConnection:
    host = server.hostname or ""
    if server.scheme != "https":
        return _Plain(host, server.port)
    context = tls.context(os.environ.get("AWS_CA_BUNDLE") or None)
    first = (proxy.host, proxy.port) if proxy else (host, server.port)
    connection = _Tls(*first, context=context)
    if proxy:
        connection.set_tunnel(host, server.port, dict(proxy.headers))
    return connection


class _Plain(http.client.HTTPConnection):
    """Connects in a time that all addresses share, where http.client gives it to each of them."""

    def __init__(self, host: str, port: int | None, **options: Any) -> None:
        super().__init__(host, port, **options)
        self._create_connection = _first_that_answers  # http.client's only place to say how


class _Tls(_Plain, http.client.HTTPSConnection):
    """The same over TLS."""


def _first_that_answers(address: tuple[str, int], *_: object) -> socket.socket:
    return addresses.connect(*address, Deadline.within(CONNECT_SECONDS, time.monotonic).remaining)


@dataclass(frozen=True, slots=True)
class _Proxy:
    """An HTTP proxy that makes tunnels (CONNECT)."""

    host: str
    port: int
    headers: dict[str, str] = field(repr=False)


def _proxy(netloc: str) -> _Proxy | None:
    """The environment's proxy for a server.

    Raises:
        ValueError: it is none that can be used.
    """
    if not any(name.lower() == "https_proxy" for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    url = getproxies().get("https")
    if not url or proxy_bypass(netloc):
        return None
    parts = urlsplit(url if "//" in url else f"//{url}", "http")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("HTTPS_PROXY: expected http://[name:password@]host[:port]")
    return _Proxy(parts.hostname, parts.port or 80, _authorization(parts))


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}
