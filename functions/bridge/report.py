"""Reports: CleverTap is told what became of each message, once, and what it does not accept waits for it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bridge.clevertap.callbacks import MAX_ITEMS, POST_SECONDS, Event, Reaction, event_of
from bridge.clevertap.credentials import ACCOUNT_ID
from bridge.errors import Misconfigured
from bridge.log.row import Row
from bridge.log.transitions import FINAL
from bridge.pending import DELAYED_REPORTS, Pending, put
from bridge.telemetry import logger
from bridge.waiting import LOOK_UP_SECONDS, account_or_none, note_unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bridge.clevertap.callbacks import Callbacks, Reply
    from bridge.invocation import Invocation
    from bridge.log.change import RowChange
    from bridge.pending import SqsMessage
    from bridge.secrets import Secrets
    from bridge.sqs import Queue

QUEUE_SECONDS = 5.0  # kept back to queue what CleverTap does not accept


def final_event(change: RowChange, now: float) -> Event | None:
    """The event for a change with which a message came to its end, and of which CleverTap wants to know.

    Raises:
        ValueError, KeyError, TypeError: the row is malformed.
    """
    if not change.new:
        return None
    row = Row.from_item(change.new)
    if not ACCOUNT_ID.fullmatch(row.account):  # not even SQS would take its report
        raise ValueError("no account")
    ends = row.status in FINAL and not _ended_before(change.old, row)
    return event_of(row, now) if row.report and ends else None


def _ended_before(old: Mapping[str, Any], row: Row) -> bool:
    """Whether this end of the row's request was there before, and to be told. A request that was accepted later has an
    end of its own.

    The image is not read as a row: a person who fixes a malformed row leaves one behind.
    """
    status, accepted_at = (old.get(name, {}).get("S") for name in ("status", "acceptedAt"))
    untold = old.get("report") == {"BOOL": False}
    return status in FINAL and accepted_at == row.accepted_at and not untold


class Reporter:
    """Tells CleverTap."""

    def __init__(self, secrets: Secrets, callbacks: Callbacks, queue: Queue, clock: Callable[[], float]) -> None:
        """`queue` holds delayed reports; `clock` gives epoch seconds."""
        self._secrets = secrets
        self._callbacks = callbacks
        self._queue = queue
        self._clock = clock

    def report(self, changes: Sequence[RowChange], invocation: Invocation) -> list[str]:
        """Post what changes end messages, or queue it for later; the places of those that could not even be queued."""
        # What was encrypted in another way has to go in another call.
        calls: dict[tuple[str, str | None], list[tuple[str, Event]]] = defaultdict(list)
        for place, event in self._events(changes, invocation):
            calls[event.account, event.encryption].append((place, event))
        lost: set[str] = set()
        for (account_id, _), found in calls.items():
            for start in range(0, len(found), MAX_ITEMS):
                group = found[start : start + MAX_ITEMS]
                pending = Pending.new(account_id, [asdict(event) for _, event in group], self._clock())
                if not self._post(pending, invocation):
                    lost |= {place for place, _ in group}
        return [change.place for change in changes if change.place in lost]

    def retry(self, message: SqsMessage, invocation: Invocation) -> bool:
        """Post delayed reports if they are due; False when SQS has to give them again, or to the dead letters.

        After a day they are posted once more, then they only pass on to the dead letters. When a person redrives
        those, SQS counts its deliveries from 1 again, and they are posted.
        """
        try:
            pending = Pending.decode(message.body)
            _events_of(pending)
        except (ValueError, KeyError, TypeError) as error:
            kind = type(error).__name__
            logger.error("malformed report job: retried, then dead-lettered", id=message.id, error=kind)
            return False
        now = self._clock()
        if now < pending.due:  # SQS holds a message for 15 minutes at most
            return put(self._queue, [pending], now, invocation.deadline)
        if message.receives > 1 and pending.over(now, DELAYED_REPORTS):
            return False
        return self._post(pending, invocation)

    def _events(self, changes: Sequence[RowChange], invocation: Invocation) -> Iterator[tuple[str, Event]]:
        """The events of a batch, each with its place. A malformed record is left out: it must not block the rest."""
        now = self._clock()
        for change in changes:
            try:
                event = final_event(change, now)
            except (ValueError, KeyError, TypeError) as error:
                kind = type(error).__name__
                logger.error("malformed record in the stream: not reported", place=change.place, error=kind)
                invocation.metrics.add(change.account, "ReportsMalformed")
            else:
                if event:
                    yield change.place, event

    def _post(self, pending: Pending, invocation: Invocation) -> bool:
        """Post; what has to be posted again is queued. False when it is neither posted nor queued."""
        if not invocation.deadline.allows(LOOK_UP_SECONDS + POST_SECONDS + QUEUE_SECONDS):
            # Ended half-way, this invocation would come again with what was already posted.
            return put(self._queue, [pending], self._clock(), invocation.deadline)
        account = account_or_none(self._secrets, pending.account, invocation, "reports")
        if not account:
            return self._later(pending, invocation)
        if not account.callback_url:
            return True  # switched off since
        events = _events_of(pending)
        if events[0].encryption and not account.encryption_keys:
            # What came encrypted does not go back in plain text.
            error = Misconfigured(f"the secret of account {account.id} has no encryptionKeys")
            note_unusable(error, account.id, invocation, "reports")
            return self._later(pending, invocation)
        reply = self._callbacks.post(account.callback_url, events, invocation.deadline, account.encryption_keys)
        _note(reply, events, invocation)
        return reply.reaction is not Reaction.RETRY or self._later(pending, invocation)

    def _later(self, pending: Pending, invocation: Invocation) -> bool:
        now, count = self._clock(), len(pending.items)
        if pending.over(now, DELAYED_REPORTS):
            logger.error("reports not accepted for a day: dead-lettered", account=pending.account, count=count)
            return False
        invocation.metrics.add(pending.account, "ReportsRetried", count)
        return put(self._queue, [pending.after_failure(now, DELAYED_REPORTS)], now, invocation.deadline)


def _events_of(pending: Pending) -> list[Event]:
    return [Event(**item) for item in pending.items]


def _note(reply: Reply, events: Sequence[Event], invocation: Invocation) -> None:
    """Log and count CleverTap's answer to events of one account."""
    account_id = events[0].account
    invocation.metrics.add(account_id, "ReportsRefused", reply.refused)
    if reply.reaction is Reaction.ACCEPTED:
        invocation.metrics.add(account_id, "ReportsPosted", len(events) - reply.refused)
    logger.info(
        "reported",
        account=account_id,
        count=len(events),
        reaction=reply.reaction.value,
        status=reply.status,
        workers=sorted({event.worker for event in events}),
    )
    if reply.refused and reply.reaction is Reaction.RETRY:
        logger.error(
            "callbackUrl is wrong: reports wait until it is corrected", account=account_id, status=reply.status
        )
