"""How a server of AWS's is reached: directly, or through the environment's proxy, with timeouts."""

from __future__ import annotations

import base64
import http.client
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bridge import tls

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
        return http.client.HTTPConnection(host, server.port, timeout=CONNECT_SECONDS)
    context = tls.context(os.environ.get("AWS_CA_BUNDLE") or None)
    first = (proxy.host, proxy.port) if proxy else (host, server.port)
    connection = http.client.HTTPSConnection(*first, timeout=CONNECT_SECONDS, context=context)
    if proxy:
        connection.set_tunnel(host, server.port, dict(proxy.headers))
    return connection


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
