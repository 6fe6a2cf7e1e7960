"""An HTTP server in a thread, for the neighbours we play: aiohttp's, and able to cut connections."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from local.service import Service

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger(__name__)

# More than a burst of CleverTap's 1,500 connections at once.
BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request. `path` is as sent (percent-encoded); header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    peer: str
    version: str = "HTTP/1.1"
    body: bytes = b""

    def parameters(self) -> dict[str, str]:
        """Query and form fields together, as the vendor reads them; a form field wins."""
        fields = dict(parse_qsl(self.query, keep_blank_values=True))
        fields.update(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return fields


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer, given `after` so many seconds; each byte of its body takes another `byte_seconds`.

    `closes`: the connection is closed after it, and the client told so.
    """

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    after: float = 0.0
    byte_seconds: float = 0.0
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """No answer: the connection is cut `after` so many seconds."""

    after: float = 0.0


Handler = Callable[[HttpRequest], HttpAnswer | Drop]


def json_answer(value: Any, status: int = 200, *, after: float = 0.0) -> HttpAnswer:
    """An answer that carries `value` as JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return HttpAnswer(status, body, [("Content-Type", "application/json")], after)


class HttpServer(Service):
    """Serve `handler` on `host`; `port` 0 takes a free one.

    With `threads` 0 the handler runs on the event loop and must not block; otherwise in a pool of so many, or only for
    those requests that `may_block`.
    `stop()` cuts open connections, as the death of a process would; `start()` takes the same port again.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        threads: int = 0,
        may_block: Callable[[HttpRequest], bool] = lambda _: True,
    ) -> None:
        self.host = host
        self.port = port
        self._handler = handler
        self._threads = threads
        self._may_block = may_block
        self._pool: ThreadPoolExecutor | None = None
        self._runner: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where this machine reaches it, without a trailing slash."""
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    def start(self) -> Self:
        """Listen. Raises OSError, with the port in its text, when the port is taken."""
        self._pool = ThreadPoolExecutor(self._threads) if self._threads else None
        started: Future[None] = Future()
        runner = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="http", daemon=True)
        runner.start()
        started.result()
        self._runner = runner
        return self

    def stop(self) -> None:
        """Stop listening and cut every open connection. Handlers in the pool go on, but nobody waits for them."""
        if self._runner is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._runner.join()
        self._runner = None
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, started: Future[None]) -> None:
        """Serve until `stop`; `asyncio.run` then cancels what is still under way."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = web.Server(self._answer, access_log=None, auto_decompress=False)
        try:
            listener = await self._loop.create_server(server, self.host, self.port, backlog=BACKLOG)
        except OSError as error:
            started.set_exception(error)
            return
        self.port = listener.sockets[0].getsockname()[1]
        started.set_result(None)
        await self._stopping.wait()
        # A socket that asyncio has accepted becomes a connection within three rounds of its loop, but stays open for
        # ever when the listener is closed before. So: accept no more, wait for those, close.
        for listening in listener.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        listener.close()
        for connection in server.connections:
            if connection.transport:
                connection.transport.abort()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        given = await _read(request)
        is_apart = self._pool and self._may_block(given)
        answer = await self._loop.run_in_executor(self._pool, self._call, given) if is_apart else self._call(given)
        if answer.after:
            await asyncio.sleep(answer.after)
        if isinstance(answer, HttpAnswer):
            if answer.byte_seconds:
                return await _trickle(request, answer)
            response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
            if answer.closes:
                response.force_close()
            return response
        if request.transport:  # else the client has gone
            request.transport.abort()
        return web.Response()

    def _call(self, request: HttpRequest) -> HttpAnswer | Drop:
        try:
            return self._handler(request)
        except Exception:  # the last line of defence: a fault of ours must not look like a dropped connection
            logger.exception("%s %s failed", request.method, request.path)
            return json_answer({"message": "Internal Server Error"}, 500)


async def _trickle(request: web.BaseRequest, answer: HttpAnswer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    with suppress(ConnectionError):  # the client has gone
        await response.prepare(request)
        for byte in answer.body:
            await asyncio.sleep(answer.byte_seconds)
            await response.write(bytes([byte]))
    return response


async def _read(request: web.BaseRequest) -> HttpRequest:
    # curl waits a second for this before it sends a large body.
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    path, _, query = request.raw_path.partition("?")
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    body = await request.content.read()
    version = f"HTTP/{request.version.major}.{request.version.minor}"
    return HttpRequest(request.method, path, query, headers, request.remote or "", version, body)
