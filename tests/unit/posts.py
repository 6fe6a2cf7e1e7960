"""What tests post to accept, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.chunk import decode
from tests.fakes.values import message_id, number, text

if TYPE_CHECKING:
    from tests.unit.harness import Bridge


def record(index: int = 1, words: str = text()) -> dict[str, str]:
    return {"to": number(index), "text": words, "messageId": message_id(index)}


def post_one(bridge: Bridge, index: int = 1, **changes: Any) -> dict[str, Any]:
    """What CleverTap is told of one message."""
    return bridge.post(record(index), **changes).body


def post_many(bridge: Bridge, count: int, rejected: tuple[int, ...] = ()) -> dict[str, Any]:
    """What CleverTap is told of a batch, some of whose records have no text."""
    return bridge.post([record(n, "" if n in rejected else text()) for n in range(count)]).body


def status(bridge: Bridge, index: int = 1) -> str | None:
    row = bridge.dynamodb.row((number(index), message_id(index)))
    return row and row.status.value


def work(bridge: Bridge, seconds: float = 59) -> None:
    """Dispatch processes what is on the queues."""
    entries, bridge.sqs.entries = bridge.sqs.entries, []
    bridge.dispatch(*(decode(entry.body) for entry in entries), seconds=seconds)
