"""A server's addresses: a connection to the first that answers, in a time that all of them share."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def connect(host: str, port: int | None, left: Callable[[], float]) -> socket.socket:
    """Connect to the first address of a name that answers. One that is dead must not use up the time of the others.

    `left` gives the seconds that are left for all of it; the look-up of the name alone cannot be interrupted. What is
    left then is the timeout of what is returned, for TLS.

    Raises:
        OSError: the name is not known, or no address answers.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure = OSError("the name has no address")
    for index, (*_, address) in enumerate(addresses):
        try:
            channel = socket.create_connection((str(address[0]), address[1]), left() / (len(addresses) - index))
        except OSError as error:
            failure = error
        else:
            return _ready(channel, left)
    raise failure


def _ready(channel: socket.socket, left: Callable[[], float]) -> socket.socket:
    try:
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel.settimeout(left())
    except OSError:  # above all: no time is left
        channel.close()
        raise
    return channel
