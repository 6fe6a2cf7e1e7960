"""A small HTTP/1.1 server for the neighbours we play: quick, kept alive, and able to misbehave.

`http.server` spends most of a request in `email.parser`; this one is several times cheaper, so that what is
measured against it is the bridge. It takes what HTTP clients send in practice: `Content-Length` bodies and
`Expect: 100-continue`. A chunked request body is answered 411.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from local.http_connection import Connection
from local.http_message import Answer, Drop, Request, json_answer

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

logger = logging.getLogger(__name__)

Handler = Callable[[Request], Answer | Drop]

# More than a burst of CleverTap's 1,500 connections at once.
BACKLOG = 2048


class PortTakenError(OSError):
    """Another program already listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is already in use")
        self.port = port


class HttpServer:
    """Serve `handler` on 127.0.0.1 (or `host`) from a thread of its own; `port` 0 takes a free one.

    With `threads` 0 the handler runs on the event loop and must not block; otherwise in a pool of so many.
    `stop()` cuts open connections, as the death of a process would; `start()` takes the same port again.
    """

    def __init__(self, handler: Handler, *, port: int = 0, host: str = "127.0.0.1", threads: int = 0) -> None:
        self.handler = handler
        self.host = host
        self.port = port
        self.connections: set[asyncio.Transport] = set()
        self.most_connections = 0
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where this machine reaches it, without a trailing slash."""
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"

    def start(self) -> Self:
        """Listen. Raises PortTakenError."""
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(self._threads) if self._threads else None
        try:
            self._loop.run_until_complete(self._listen(self._loop))
        except OSError as error:
            self._loop.close()
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(self.port) from error
            raise
        self._runner = threading.Thread(target=self._loop.run_forever, name=f"http-{self.port}", daemon=True)
        self._runner.start()
        return self

    def stop(self) -> None:
        """Stop listening and cut every open connection. Does nothing when it is not running."""
        if self._loop is None or self._runner is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._runner.join()
        self._loop.close()
        self._loop = self._runner = None
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        server = await loop.create_server(partial(Connection, self, loop), self.host, self.port, backlog=BACKLOG)
        self._listener = server
        self.port = server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._listener.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # the handler's thread goes on, but nobody waits for it
        for transport in list(self.connections):
            transport.abort()

    async def answer(self, request: Request) -> Answer | Drop:
        """Run the handler in the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.call, request)

    def call(self, request: Request) -> Answer | Drop:
        """Run the handler; what it did not foresee is shown here and answered 500."""
        try:
            return self.handler(request)
        except Exception:  # the last line of defence: a fault of ours must not look like a dropped connection
            logger.exception("%s %s failed", request.method, request.path)
            return json_answer({"message": "Internal Server Error"}, 500)

    @property
    def is_threaded(self) -> bool:
        """Whether the handler may block."""
        return self._pool is not None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
