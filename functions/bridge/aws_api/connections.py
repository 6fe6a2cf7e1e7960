"""HTTP to one server of AWS's: kept-alive connections for many threads, each request written in one piece, tried once.

http.client connects, with TLS and through proxies, and reads answers that are out of the ordinary. The ordinary one is
read here: http.client's way with headers takes ten times as long, and each message is claimed by a request of its own.
"""

from __future__ import annotations

import http.client
import io
import re
import select
from collections import deque
from typing import TYPE_CHECKING, Any

from bridge.errors import AwsSilent, AwsUnreached

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

IDLE_SECONDS = 30.0
"""How long a connection may lie unused. While a function is frozen connections die, and do not always show it: each
dead one costs a claim one of its few tries, and a look at what was stopped its only one
(https://github.com/aws/aws-sdk-js-v3/issues/1196)."""

_PIECE = 65_536  # bytes read at a time
_MAX_HEAD = 65_536  # bytes; AWS's are a hundredth of it

# A length, and nothing that makes the body anything else than so many bytes or ends the connection after it.
_OTHER = rb"(?:\r\n(?!content-length:|transfer-encoding:|connection:(?! *keep-alive *(?:\r\n|\Z)))[^\r\n]*)*"
_ORDINARY = re.compile(
    rb"HTTP/1\.1 (?!204|304)([2-5]\d\d)[^\r\n]*" + _OTHER + rb"\r\ncontent-length: *(\d{1,9}) *" + _OTHER, re.IGNORECASE
)


class Connections:
    """To one server. As many are kept as were in use at once."""

    def __init__(self, connect: Callable[[], socket.socket], clock: Callable[[], float]) -> None:
        """`connect` makes a new one; what it raises is an OSError, or an HTTPException of a proxy's. `clock` gives
        epoch seconds: a monotonic clock may stand still while the function is frozen.
        """
        self._connect = connect
        self._clock = clock
        self._idle: deque[_Connection] = deque()  # its ends are safe to use from all threads

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Write a request; the status and the body of its answer.

        Raises:
            AwsUnreached: there is no connection; nothing was written.
            AwsSilent: no whole answer came; the request may have been carried out.
        """
        connection = self._open()
        try:
            answer = connection.exchange(request)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise AwsSilent(type(error).__name__) from None
        finally:
            if connection.stays:
                connection.used_at = self._clock()
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _open(self) -> _Connection:
        while self._idle:
            try:
                connection = self._idle.pop()  # the one last used
            except IndexError:  # another thread was quicker
                break
            if self._clock() - connection.used_at < IDLE_SECONDS and connection.is_open():
                return connection
            connection.close()
        try:
            return _Connection(self._connect())
        except (OSError, http.client.HTTPException) as error:
            raise AwsUnreached(type(error).__name__) from None


class _Connection:
    """One connection, of one thread at a time."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self.stays = False
        """Whether it can be used again: a whole answer came, and nothing after it."""
        self.used_at = 0.0

    def is_open(self) -> bool:
        """Whether the other side has left it open: between two requests the only thing to be read is its end."""
        return not self._poll.poll(0)

    def close(self) -> None:
        self._channel.close()

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        self.stays = False
        self._channel.sendall(request)
        data = self._received()
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _MAX_HEAD:
                raise ValueError("the answer's head does not end")
            data += self._received()
        ordinary = _ORDINARY.fullmatch(data, 0, end)
        if not ordinary:
            return _read(data, self._channel)
        body, length = data[end + 4 :], int(ordinary[2])
        while len(body) < length:
            body += self._received()
        self.stays = len(body) == length
        return int(ordinary[1]), body[:length]

    def _received(self) -> bytes:
        data = self._channel.recv(_PIECE)
        if not data:
            raise ConnectionResetError("closed before the answer was whole")
        return data


def _read(begun: bytes, channel: socket.socket) -> tuple[int, bytes]:
    """An answer out of the ordinary, of which the begin was read already: chunked, without a length, a proxy's."""
    source: Any = _Begun(begun, channel)
    response = http.client.HTTPResponse(source, method="POST")
    response.begin()
    return response.status, response.read()


class _Begun(io.RawIOBase):
    """What was read of a socket, and then what comes: a socket, as far as HTTPResponse needs one."""

    def __init__(self, begun: bytes, channel: socket.socket) -> None:
        self._begun = begun
        self._channel = channel

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._begun:
            return self._channel.recv_into(buffer)
        piece, self._begun = self._begun[: len(buffer)], self._begun[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
