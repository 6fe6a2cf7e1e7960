"""A table's stream, as Lambda gives it to a function: records with images, by shard and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.log.row import Row

SHARD = "shardId-00000001700000000000-0a1b2c3d"
OTHER_SHARD = "shardId-00000001700000000001-4e5f6a7b"
FIRST = 99_990
"""The first sequence numbers are short, and soon have one digit more."""


def record(place: int, new: Row | None, old: Row | None = None, **attributes: Any) -> dict[str, Any]:
    """A record. `attributes` of the new image are as a person left them; None: taken out."""
    images = {name: image.to_item() for name, image in (("NewImage", new), ("OldImage", old)) if image}
    if new:
        edited = images["NewImage"] | attributes
        images["NewImage"] = {name: value for name, value in edited.items() if value is not None}
    name = "REMOVE" if new is None else "MODIFY" if old else "INSERT"
    return {
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": str(FIRST + place), **images},
    }


def way(*rows: Row | None, start: int = 0) -> list[dict[str, Any]]:
    """The records of one row that stands so after one write after the other; None: it is deleted."""
    before: list[Row | None] = [None, *rows[:-1]]
    return [record(start + nth, new, old) for nth, (old, new) in enumerate(zip(before, rows, strict=True))]


def batch(records: Sequence[dict[str, Any]], shard: str = SHARD) -> dict[str, Any]:
    """An event of an event source that has a tumbling window."""
    return {
        "Records": [*records],
        "window": {"start": "2023-11-14T22:00:00Z", "end": "2023-11-14T22:15:00Z"},
        "state": {},
        "shardId": shard,
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/SmsLog/stream/2023-11-14T22:13:20.000",
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
