"""CleverTap's callbacks: how it is told what became of messages (contracts/clevertap.md §4)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from bridge import times
from bridge.clevertap import codes
from bridge.message import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.rows import Row

MAX_ITEMS = 100  # in one call
CONNECT_SECONDS = 2.0
READ_SECONDS = 8.0
ADDRESSES = 4  # of CleverTap's name, tried one after the other
POST_SECONDS = ADDRESSES * CONNECT_SECONDS + READ_SECONDS
DELIVERED_TEXT = "Delivered to handset"
MAX_DESCRIPTION = 200


@dataclass(frozen=True, slots=True)
class Event:
    """The final fate of one message, for CleverTap. `ts` in epoch seconds, `meta` the message's id verbatim.

    `code` is there for failures alone.
    """

    account: str
    meta: str
    ts: int
    description: str
    code: str | None = None
    worker: str = ""
    """The request id of who sent it, for the log line."""


class Reaction(Enum):
    """What CleverTap made of a call."""

    TAKEN = "taken"
    REFUSED = "refused"
    """It will not take it another time either."""
    LATER = "later"
    """It wants it again, or did not answer."""


class Reply(NamedTuple):
    """CleverTap's answer to one call. `unprocessed` items it took the call without."""

    reaction: Reaction
    status: int | None = None
    unprocessed: int = 0


def event_of(row: Row) -> Event:
    """The event for a row with a final status."""
    delivered = row["status"] == Status.DELIVERED
    return Event(
        account=str(row["account"]),
        meta=str(row["messageId"]),
        ts=int(times.epoch(str(row["finalAt"]))),
        description=DELIVERED_TEXT if delivered else str(row.get("reason", "not sent"))[:MAX_DESCRIPTION],
        code=None if delivered else str(row.get("code", codes.OTHER)),
        worker=str(row.get("claimedBy", "")).partition("/")[0],
    )


def payload(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Events in the shape that CleverTap documents."""
    delivered = [_item(event) for event in events if event.code is None]
    failed = [{**_item(event), "code": event.code} for event in events if event.code is not None]
    groups = (("delivered", delivered), ("failed", failed))
    return [{"event": name, "data": data} for name, data in groups if data]


def _item(event: Event) -> dict[str, Any]:
    return {"ts": event.ts, "meta": event.meta, "description": event.description}


class Callbacks:
    """Posts events to CleverTap."""

    def __init__(self) -> None:
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), retries=False
        )

    def post(self, url: str, events: Sequence[Event]) -> Reply:
        """Post at most 100 events. Never raises for anything that CleverTap does."""
        body = json.dumps(payload(events)).encode()
        headers = {"content-type": "application/json"}
        try:
            answer = self._http.request("POST", url, body=body, headers=headers, redirect=False)
        except HTTPError:
            return Reply(Reaction.LATER)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Reply(Reaction.LATER, answer.status)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            return Reply(Reaction.REFUSED, answer.status)
        return Reply(Reaction.TAKEN, answer.status, _unprocessed(answer.data))


def _unprocessed(body: bytes) -> int:
    """How many items CleverTap says it could not use, though it took the call."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    items = document.get("unprocessed") if isinstance(document, dict) else None
    return len(items) if isinstance(items, list) else 0
