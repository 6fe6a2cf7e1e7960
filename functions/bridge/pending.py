"""What waits in SQS to be tried again, parked receipts and delayed reports: one envelope, and when it is due."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge import times
from bridge.sqs import MAX_BYTES, Body, Queued

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.sqs import Queue
    from bridge.times import Deadline

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """How long something waits before its next attempt: `first` seconds, then twice as long each time, but never longer
    than `longest`. After `give_up` seconds comes the last attempt.
    """

    first: float
    longest: float
    give_up: float = DAY_SECONDS

    def wait(self, attempts: int) -> float:
        """Seconds until the next attempt, after so many failed ones."""
        return float(min(self.longest, self.first * 2 ** min(attempts - 1, 30)))


# A message's outcome is in the log within seconds, or when the next worker takes up the chunk of one that died.
PARKED_RECEIPTS = RetrySchedule(first=15.0, longest=900.0)
# CleverTap asks for 10 minutes, then exponential backoff: docs/contracts/clevertap.md
DELAYED_REPORTS = RetrySchedule(first=600.0, longest=DAY_SECONDS)


class SqsMessage(NamedTuple):
    """What SQS gives a function: its message's id and body, and how often it has given it so far."""

    id: str
    body: str
    receives: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Receipts or events of one account that wait, as JSON objects.

    `since` (when they came) and `due` (when they are to be tried) are in epoch seconds; `attempts` counts those failed.
    """

    account: str
    items: Sequence[Mapping[str, Any]]
    since: float
    due: float
    attempts: int = 0

    @classmethod
    def new(cls, account: str, items: Sequence[Mapping[str, Any]], now: float) -> Pending:
        """Items that came just now, and have not been tried."""
        return cls(account, items, now, now)

    @classmethod
    def decode(cls, body: str) -> Pending:
        """What `encode` wrote.

        Raises:
            ValueError, KeyError, TypeError: the body is malformed.
        """
        return cls.from_document(json.loads(body))

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Pending:
        """The same, out of its JSON.

        Raises:
            ValueError, KeyError, TypeError: it is malformed.
        """
        if not (items := list(document["items"])):
            raise ValueError("nothing waits")
        since, due = times.epoch(document["since"]), times.epoch(document["due"])
        return cls(document["account"], items, since, due, int(document["attempts"]))

    def encode(self) -> str:
        """As an SQS body."""
        fields = {"account": self.account, "items": list(self.items), "attempts": self.attempts}
        return json.dumps({**fields, "since": times.iso(self.since), "due": times.iso(self.due)})

    def over(self, now: float, schedule: RetrySchedule) -> bool:
        """Whether the time of attempts is over."""
        return now - self.since >= schedule.give_up

    def after_failure(self, now: float, schedule: RetrySchedule) -> Pending:
        """As it waits after one more failed attempt; the last attempt is made when the time of attempts is over."""
        attempts = self.attempts + 1
        due = min(now + schedule.wait(attempts), self.since + schedule.give_up)
        return replace(self, attempts=attempts, due=due)

    def delay(self, now: float) -> int:
        """For how many seconds SQS should hold it, as far as SQS can."""
        return math.ceil(min(times.LONGEST_DELAY_SECONDS, max(0.0, self.due - now)))

    def parts(self) -> list[Pending]:
        """In parts that SQS takes: 100 events whose ids are all characters that JSON escapes are too many."""
        if len(self.items) == 1 or len(self.encode()) <= MAX_BYTES:
            return [self]
        middle = len(self.items) // 2
        return [
            part for half in (self.items[:middle], self.items[middle:]) for part in replace(self, items=half).parts()
        ]


def put(queue: Queue, pending: Sequence[Pending], now: float, deadline: Deadline) -> bool:
    """Queue what waits; whether SQS surely has all of it."""
    parts = [part for one in pending for part in one.parts()]
    bodies = [Body(part.encode(), part.delay(now), part.account) for part in parts]
    return all(queued is Queued.YES for queued in queue.send(bodies, deadline))
