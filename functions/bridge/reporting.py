"""Reports: final fates go to CleverTap, once each, and wait for it while it does not answer (design §7)."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from bridge import times
from bridge.clevertap.callbacks import MAX_ITEMS, POST_SECONDS, Event, Reaction, event_of
from bridge.message import FINAL, AccountError, AccountUnavailable
from bridge.queues import MAX_BYTES, Queued
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bridge.accounts import Accounts
    from bridge.clevertap.callbacks import Callbacks
    from bridge.queues import Queue
    from bridge.rows import Row
    from bridge.telemetry import Tally
    from bridge.times import Deadline

FIRST_WAIT_SECONDS = 600.0  # CleverTap asks for 10 minutes, then exponential backoff
GIVE_UP_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Delayed:
    """Events of one account that CleverTap has not taken yet; `since` and `due` in epoch seconds."""

    account: str
    events: Sequence[Event]
    since: float
    due: float
    wait: float

    def encode(self) -> str:
        """As an SQS body."""
        return json.dumps({**asdict(self), "since": times.iso(self.since), "due": times.iso(self.due)})

    def delay(self, now: float) -> int:
        """For how long SQS should hold it, as far as SQS can."""
        return math.ceil(min(times.LONGEST_DELAY_SECONDS, max(0.0, self.due - now)))

    def parts(self) -> list[Delayed]:
        """In parts that SQS takes: with ids of nothing but characters that JSON escapes, 100 events are too many."""
        if len(self.events) == 1 or len(self.encode()) <= MAX_BYTES:
            return [self]
        middle = len(self.events) // 2
        halves = (self.events[:middle], self.events[middle:])
        return [part for half in halves for part in replace(self, events=half).parts()]


def decode(body: str) -> Delayed:
    """The delayed events in an SQS body.

    Raises:
        ValueError, KeyError, TypeError: there are none.
    """
    document = json.loads(body)
    events = [Event(**event) for event in document["events"]]
    since, due = times.epoch(document["since"]), times.epoch(document["due"])
    return Delayed(document["account"], events, since, due, float(document["wait"]))


def final_event(new: Row, old: Row) -> Event | None:
    """The event for a change of a row, if with this change the message has come to its end."""
    if new.get("report") is not True or new.get("status") not in FINAL or old.get("status") in FINAL:
        return None
    return event_of(new)


class Reporter:
    """Tells CleverTap."""

    def __init__(self, accounts: Accounts, callbacks: Callbacks, queue: Queue, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._accounts = accounts
        self._callbacks = callbacks
        self._queue = queue
        self._clock = clock

    def report(self, events: Iterable[Event], end: Deadline, tally: Tally) -> list[Event]:
        """Post events now, or queue them for later; those that could not even be queued come back."""
        accounts: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            accounts[event.account].append(event)
        lost: list[Event] = []
        for account, its in accounts.items():
            for start in range(0, len(its), MAX_ITEMS):
                group = its[start : start + MAX_ITEMS]
                now = self._clock()
                due = Delayed(account, group, now, now, FIRST_WAIT_SECONDS / 2)
                lost += [] if self._posted(due, end, tally) else group
        return lost

    def retry(self, delayed: Delayed, receives: int, end: Deadline, tally: Tally) -> bool:
        """Post delayed events if they are due; False when they have to come again, or go to the dead letters.

        `receives` counts how often SQS has given us this: after a day they are posted once more, then they only pass on
        to the dead letters. Who redrives those begins at 1, and has them posted.
        """
        now = self._clock()
        if now < delayed.due:  # SQS holds a message for 15 minutes at most
            return self._queued(delayed, now, end)
        if receives > 1 and now - delayed.since >= GIVE_UP_SECONDS:
            return False
        return self._posted(delayed, end, tally)

    def _posted(self, delayed: Delayed, end: Deadline, tally: Tally) -> bool:
        """Post; what has to be posted again is queued. False when it is neither posted nor queued."""
        account, count = delayed.account, len(delayed.events)
        try:
            url = self._accounts.get(account).callback_url
        except AccountError as error:
            logger.error("reports wait for their account", account=account, reason=str(error))
            if not isinstance(error, AccountUnavailable):
                tally.add(account, "AccountMisconfigured")
            return self._later(delayed, end, tally)
        if not url:
            return True  # switched off since
        if not end.allows(POST_SECONDS):
            # Ended half-way, this invocation would come again with what was already posted.
            return self._queued(delayed, self._clock(), end)
        reply = self._callbacks.post(url, delayed.events)
        workers = sorted({event.worker for event in delayed.events})
        logger.info(
            "reported",
            account=account,
            count=count,
            reaction=reply.reaction.value,
            status=reply.status,
            workers=workers,
        )
        if reply.reaction is Reaction.LATER:
            return self._later(delayed, end, tally)
        refused = count if reply.reaction is Reaction.REFUSED else min(count, reply.unprocessed)
        tally.add(account, "ReportsPosted", count - refused)
        tally.add(account, "ReportsRefused", refused)
        return True

    def _later(self, delayed: Delayed, end: Deadline, tally: Tally) -> bool:
        now, wait = self._clock(), delayed.wait * 2
        last = delayed.since + GIVE_UP_SECONDS
        if now >= last:
            logger.error("CleverTap did not take reports for a day", account=delayed.account, count=len(delayed.events))
            return False
        tally.add(delayed.account, "ReportsRetried", len(delayed.events))
        return self._queued(replace(delayed, wait=wait, due=min(now + wait, last)), now, end)

    def _queued(self, delayed: Delayed, now: float, end: Deadline) -> bool:
        bodies = [(part.encode(), part.delay(now)) for part in delayed.parts()]
        return all(queued is Queued.YES for queued in self._queue.send(bodies, end))
