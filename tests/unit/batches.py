"""Batches that tests run, and what is left of their chunks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from bridge.batch import Batch
from bridge.leftovers import Leftovers
from tests.fakes.values import account
from tests.unit.harness import Bridge, chunk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.message import Message

TIMEOUT = 10  # seconds until a thread that never ends fails a test
SENDING = 44  # seconds of a worker's 59 in which it sends


def left(messages: int = 0) -> Leftovers:
    return Leftovers(chunk(messages))


def batch_of(
    bridge: Bridge, messages: Iterable[Message], leftovers: Leftovers, *, seconds: float = 59, **options: Any
) -> Batch:
    batch = Batch(bridge.dispatcher.engine, bridge.invocation(seconds), **options)
    for one in messages:
        batch.send(one, account(id=one.account), leftovers)
    return batch


def run(bridge: Bridge, messages: Iterable[Message], leftovers: Leftovers | None = None, **options: Any) -> Batch:
    """A batch that has ended, as it must."""
    batch = batch_of(bridge, messages, left() if leftovers is None else leftovers, **options)
    raised: list[BaseException] = []

    def runs() -> None:
        try:
            batch.run()
        except BaseException as error:  # noqa: BLE001 - raised again, in the test's thread
            raised.append(error)

    thread = threading.Thread(target=runs, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    assert not thread.is_alive(), "it waits for ever"
    for error in raised:
        raise error
    return batch


def waiting(leftovers: Leftovers) -> list[tuple[list[int], int, int]]:
    """What of a chunk is left: (numbers of the messages, attempts, delay)."""
    return [
        ([int(one.recipient[-5:]) for one in part.messages], part.attempts, delay) for part, delay in leftovers.chunks()
    ]
