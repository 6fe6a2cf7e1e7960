"""One connection of `http_server`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from local.http_message import Answer, Drop, answer_bytes, read_head

if TYPE_CHECKING:
    from local.http_message import Request
    from local.http_server import HttpServer


class Connection(asyncio.Protocol):
    """One connection: requests are read and answered one after the other."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._buffer = bytearray()
        self._busy = False
        self._continued = False
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # what a stream server hands over
        self._peer = str(transport.get_extra_info("peername")[0])
        self._server.connections.add(self._transport)
        self._server.most_connections = max(self._server.most_connections, len(self._server.connections))

    def connection_lost(self, _: Exception | None) -> None:
        """End, by whichever side."""
        self._server.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came, and look whether a request is whole."""
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        """Take one whole request from the buffer, if there is one."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = read_head(bytes(self._buffer[:end]), self._peer)
        if isinstance(head, Answer):
            self._keep_alive = False
            self._finish(head)
            return
        body_start, body_end = end + 4, end + 4 + head.content_length
        if len(self._buffer) < body_end:
            self._continue(head.headers)
            return
        request = head.with_body(bytes(self._buffer[body_start:body_end]))
        del self._buffer[:body_end]
        self._handle(request)

    def _continue(self, headers: dict[str, str]) -> None:
        # curl waits a second for this before it sends a large body.
        if not self._continued and headers.get("expect", "").lower() == "100-continue":
            self._continued = True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _handle(self, request: Request) -> None:
        self._busy, self._continued, self._keep_alive = True, False, request.keep_alive
        if self._server.is_threaded:
            self._loop.create_task(self._server.answer(request)).add_done_callback(self._answered)
        else:
            self._send(self._server.call(request))

    def _answered(self, task: asyncio.Task[Answer | Drop]) -> None:
        if not task.cancelled():
            self._send(task.result())

    def _send(self, answer: Answer | Drop) -> None:
        if answer.after:
            self._loop.call_later(answer.after, self._finish, answer)
        else:
            self._finish(answer)

    def _finish(self, answer: Answer | Drop) -> None:
        if self._transport.is_closing():  # the client did not wait
            return
        if isinstance(answer, Drop):
            self._transport.abort()
            return
        self._transport.write(answer_bytes(answer, keep_alive=self._keep_alive))
        if not self._keep_alive:
            self._transport.close()
            return
        self._busy = False
        if self._buffer:
            self._next()
