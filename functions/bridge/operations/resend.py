"""Sends messages again that came to an end without being sent, or of which nobody knows whether they were.

Nothing in the log is changed here. The messages are queued again, each with the very end that the person saw: a worker
may claim a message over that end and no other (`log/conditions.py`). So a resend that is cut short, run again, or run
by two persons at once sends each message once.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge import times
from bridge.campaigns.control import State, strictest
from bridge.campaigns.keys import WHOLE_ACCOUNT, campaign_key
from bridge.chunk import MAX_MESSAGES, Chunk, Lane
from bridge.clevertap.codes import CODES
from bridge.errors import Refused
from bridge.log.transitions import TRANSITIONS, Write
from bridge.message import Failure, Message, Resend, Status
from bridge.phone import country_code_of
from bridge.segments import segments
from bridge.sqs import MAX_ENTRIES, Queued
from bridge.times import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bridge.campaigns.control import Controls
    from bridge.chunk import ChunkQueue
    from bridge.log.row import Row

QUEUE_SECONDS = 30.0
"""What SQS is given for a thousand messages: some calls, and their repetitions."""

_AT_ONCE = MAX_MESSAGES * MAX_ENTRIES


@dataclass(slots=True)
class Preview:
    """What a resend would do with an account's messages, by their rows.

    `rows` would be sent again. All others are left as they are: `left` counts them by status, `textless` are those that
    could be sent, had the log kept their texts.
    """

    rows: list[Row] = field(default_factory=list)
    left: Counter[Status] = field(default_factory=Counter)
    textless: int = 0

    @property
    def statuses(self) -> Counter[Status]:
        """What would be sent again, by how it ended."""
        return Counter(row.status for row in self.rows)

    @property
    def told(self) -> int:
        """To how many of them CleverTap was told an end: it then hears of another."""
        return sum(row.report and row.final_at is not None for row in self.rows)

    @property
    def parts(self) -> int:
        """How many parts they have together."""
        return sum(_parts(row) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Resent:
    """What became of a resend: messages that are queued, and those that SQS did not surely take.

    `request` stands in the log lines of the workers that send them.
    """

    request: str
    queued: int
    left: int


class Resender:
    """Sends messages of one account after another again."""

    def __init__(self, queue: ChunkQueue, controls: Controls, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._queue = queue
        self._controls = controls
        self._clock = clock

    def preview(self, rows: Iterable[Row], *, unknown: bool = False) -> Preview:
        """Look through rows for what can be sent again. `unknown`: also what may have been sent already."""
        preview = Preview()
        for row in rows:
            if not _resendable(row) or (row.status is Status.UNKNOWN and not unknown):
                preview.left[row.status] += 1
            elif not row.text:
                preview.textless += 1
            else:
                preview.rows.append(row)
        return preview

    def check(self, rows: Iterable[Row]) -> None:
        """Refuse to send again what a pause or a stop holds back.

        Raises:
            Refused: the text says what to resume first.
            LogUnavailable: the controls cannot be read.
        """
        campaigns = {(row.account, campaign_key(row.campaign_id)): row.campaign_id for row in rows}
        accounts = {(account, WHOLE_ACCOUNT): None for account, _ in campaigns}
        controls = self._controls.read([*accounts, *campaigns])
        for (account, key), campaign in campaigns.items():
            whole = controls[account, WHOLE_ACCOUNT]
            state = strictest([whole, controls[account, key]]).state
            if state is not State.RUNNING:
                held_by = "the account" if whole.state is state else f"campaign {campaign or '(without an id)'}"
                raise Refused(f"{held_by} is {state}: resume it first")

    def resend(self, rows: Sequence[Row], by: str) -> Resent:
        """Queue what a preview has shown, on the word of a person. Where SQS fails, the rest is left: run it again.

        Raises:
            Refused: as `check`; nothing is queued.
            LogUnavailable: the controls cannot be read; nothing is queued.
        """
        self.check(rows)
        request, queued = f"resend-{uuid.uuid4().hex[:12]}", list[Message]()
        for chunks in self._chunks(rows, by, request):
            results = self._queue.put([(chunk, 0) for chunk in chunks], Deadline.within(QUEUE_SECONDS, self._clock))
            parts = [part for chunk_parts in results for part in chunk_parts]
            queued += [message for chunk, taken in parts if taken is Queued.YES for message in chunk.messages]
            if any(taken is not Queued.YES for _, taken in parts):
                break
        self._note(queued, by, request)
        return Resent(request, len(queued), len(rows) - len(queued))

    def _note(self, queued: Sequence[Message], by: str, request: str) -> None:
        """Have each campaign know what was done to its messages."""
        campaigns = Counter((message.account, campaign_key(message.campaign_id)) for message in queued)
        for key, count in campaigns.items():
            self._controls.note(key, f"messages sent again: {count} ({request})", by=by)

    def _chunks(self, rows: Sequence[Row], by: str, request: str) -> Iterator[list[Chunk]]:
        """Chunks of one account's messages, a thousand messages at a time."""
        lane = Lane.SINGLE if len(rows) == 1 else Lane.BATCH
        for start in range(0, len(rows), _AT_ONCE):
            now = self._clock()
            messages = [_message(row, by, now) for row in rows[start : start + _AT_ONCE]]
            yield [
                Chunk(group[0].account, now, 0, group, request=request, lane=lane)
                for group in (messages[at : at + MAX_MESSAGES] for at in range(0, len(messages), MAX_MESSAGES))
            ]


def _resendable(row: Row) -> bool:
    if row.status is Status.REJECTED:
        return row.code == CODES[Failure.NOT_QUEUED]
    return row.status in TRANSITIONS[Write.RESEND]


def _parts(row: Row) -> int:
    return row.segments or segments(row.text or "")


def _message(row: Row, by: str, now: float) -> Message:
    """The message of a row as it was, accepted again."""
    return Message(
        account=row.account,
        recipient=row.recipient,
        country_code=country_code_of(row.recipient),
        message_id=row.message_id,
        text=row.text or "",
        segments=_parts(row),
        accepted_at=now,
        campaign_id=row.campaign_id,
        template_id=row.template_id,
        sender_id=row.sender_id,
        message_type=row.message_type,
        encryption=row.encryption,
        resend=Resend(by, times.iso(now), row.status, row.claimed_by, row.final_at),
    )
