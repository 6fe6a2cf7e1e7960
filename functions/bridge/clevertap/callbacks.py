"""CleverTap's callbacks: how it is told what became of messages (docs/contracts/clevertap.md)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge import times
from bridge.clevertap.codes import CODES
from bridge.clevertap.seal import BLOCK_BYTES, Seal, encrypted
from bridge.documents import json_object
from bridge.errors import TransportFailure
from bridge.message import Failure, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.clevertap.seal import Encrypt
    from bridge.log.row import Row
    from bridge.times import Deadline
    from bridge.transport import HttpTransport

MAX_ITEMS = 100  # in one call
POST_SECONDS = 10.0
"""How long one call may take, all in all; the transport gives up connecting after 2 s."""
CONNECTIONS = 1  # to one server: accounts are reported one after the other
MAX_SERVERS = 8  # whose connections are kept; CleverTap has one for each of its regions

KINDS = ("delivered", "failed", "replied")
"""The events, as CleverTap calls them."""
REPLIED_TEXT = "Reply"
DELIVERED_TEXT = "Delivered to handset"
MAX_DESCRIPTION = 200

# CleverTap's word on what was posted. Any other 3xx or 4xx comes from somewhere else: the URL is wrong.
REFUSALS = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY},
)


@dataclass(frozen=True, slots=True)
class Event:
    """What became of one message, for CleverTap, or what was answered to it. `ts` in epoch seconds, `meta` the
    message's id verbatim.

    `code` is there for failures alone, `incoming_text` for replies alone, and with it, if it is known, `to_phone`: the
    number that was replied to.
    """

    account: str
    meta: str
    ts: int
    description: str
    code: str | None = None
    worker: str = ""
    """The request id of who sent it, for the log line."""
    encryption: str | None = None
    """How its message came, if that was encrypted: `str` of a `Seal`."""
    to_phone: str | None = None
    incoming_text: str | None = None

    @property
    def kind(self) -> str:
        """CleverTap's name for such an event."""
        if self.incoming_text is not None:
            return "replied"
        return "delivered" if self.code is None else "failed"


class Reaction(Enum):
    """What CleverTap made of a call."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """It will not accept it another time either."""
    RETRY = "retry"
    """It wants it again, did not answer, or was not reached at this URL."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one call. `refused` counts the events that need a person: refused, or posted to a wrong URL."""

    reaction: Reaction
    status: int | None = None
    refused: int = 0


def event_of(row: Row, now: float) -> Event:
    """The event for a row with a final status. `now` stands in for a time of its end that cannot be read: a person may
    have set the status by hand.

    Raises:
        ValueError: nobody can tell how the message was encrypted.
    """
    delivered = row.status is Status.DELIVERED
    return Event(
        account=row.account,
        meta=row.message_id,
        ts=int(_epoch(row.final_at, now)),
        description=DELIVERED_TEXT if delivered else (row.reason or "not sent")[:MAX_DESCRIPTION],
        code=None if delivered else row.code or CODES[Failure.REFUSED],
        worker=row.worker,
        encryption=str(Seal.parse(row.encryption)) if row.encryption else None,
    )


def reply_event(row: Row, text: str, to_phone: str | None, at: float) -> Event:
    """The event for a reply, written to `to_phone`, which came at `at`, to the message of a row.

    Raises:
        ValueError: nobody can tell how the message was encrypted.
    """
    return Event(
        account=row.account,
        meta=row.message_id,
        ts=int(at),
        description=REPLIED_TEXT,
        worker=row.worker,
        encryption=str(Seal.parse(row.encryption)) if row.encryption else None,
        to_phone=to_phone,
        incoming_text=text,
    )


def _epoch(text: str | None, otherwise: float) -> float:
    try:
        return times.epoch(text or "")
    except ValueError:
        return otherwise


def payload(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Events in the shape that CleverTap documents."""
    groups = ((kind, [_item(event) for event in events if event.kind == kind]) for kind in KINDS)
    return [{"event": kind, "data": data} for kind, data in groups if data]


def _item(event: Event) -> dict[str, Any]:
    own = {"code": event.code, "toPhone": event.to_phone, "incomingText": event.incoming_text}
    given = {name: value for name, value in own.items() if value is not None}
    return {"ts": event.ts, "meta": event.meta, "description": event.description, **given}


class Callbacks:
    """Posts events to CleverTap."""

    def __init__(
        self,
        transport: Callable[[str, int, Callable[[], float]], HttpTransport],
        clock: Callable[[], float],
        encrypt: Encrypt,
    ) -> None:
        """`transport` makes the connections to one server, as `HttpTransport` does; `clock` gives epoch seconds."""
        self._transport = transport
        self._clock = clock
        self._encrypt = encrypt
        self._servers: dict[str, HttpTransport] = {}

    def post(
        self, url: str, events: Sequence[Event], deadline: Deadline, keys: Mapping[str, bytes] = MappingProxyType({})
    ) -> Reply:
        """Post at most 100 events; over after 10 s, and by the deadline. Never raises for what CleverTap does.

        Events whose messages came encrypted go back likewise: all of one call with the same `encryption`, and with one
        of the account's `keys`.
        """
        headers, body = self._written(events, keys)
        try:
            server, path = _split(url)
            answer = self._server(server).request("POST", path, headers, _within(POST_SECONDS, deadline), body=body)
        except TransportFailure:
            return Reply(Reaction.RETRY)
        except ValueError:  # no URL of a server
            return Reply(Reaction.RETRY, refused=len(events))
        return _reply(answer.status, answer.body, len(events))

    def _written(self, events: Sequence[Event], keys: Mapping[str, bytes]) -> tuple[Mapping[str, str], str]:
        """The headers and the body of a call."""
        headers, body = {"content-type": "application/json"}, json.dumps(payload(events))
        if not events[0].encryption:
            return headers, body
        iv = os.urandom(BLOCK_BYTES)
        more, body = encrypted(body, Seal.parse(events[0].encryption), keys, iv, self._encrypt)
        return {**headers, **more}, body

    def _server(self, base_url: str) -> HttpTransport:
        found = self._servers.pop(base_url, None) or self._transport(base_url, CONNECTIONS, self._clock)
        self._servers[base_url] = found  # the one used last stands last
        if len(self._servers) > MAX_SERVERS:
            del self._servers[next(iter(self._servers))]
        return found


def _reply(status: int, body: bytes, count: int) -> Reply:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Reply(Reaction.RETRY, status)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return Reply(Reaction.REJECTED if status in REFUSALS else Reaction.RETRY, status, count)
    return Reply(Reaction.ACCEPTED, status, min(count, _unprocessed(body)))


def _unprocessed(body: bytes) -> int:
    """How many events CleverTap says it could not use, though it accepted the call."""
    refused = json_object(body).get("unprocessed")
    return sum(map(_events_in, refused)) if isinstance(refused, list) else 0


def _events_in(refused: Any) -> int:
    """How many events one entry of `unprocessed` holds: its `record` has them as they were posted, in an array."""
    record = refused.get("record") if isinstance(refused, dict) else None
    data = record.get("data") if isinstance(record, dict) else None
    return len(data) if data and isinstance(data, list) else 1


def _split(url: str) -> tuple[str, str]:
    """A URL's server, and the rest of it.

    Raises:
        ValueError: it is malformed.
    """
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{query}"


def _within(seconds: float, deadline: Deadline) -> Deadline:
    """The deadline, or so many seconds from now if that is earlier."""
    return deadline.before(max(0.0, deadline.remaining() - seconds))
