"""Reports of a span of time once more: for when CleverTap never got them.

CleverTap counts a repeated report twice. So this is done in two steps: `find` tells how many there are, a person says
yes, `queue_again` gives them to report.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bridge import times
from bridge.clevertap.callbacks import MAX_ITEMS, Event, event_of
from bridge.log.row import Row
from bridge.log.transitions import FINAL
from bridge.pending import Pending, put
from bridge.times import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from bridge.sqs import Queue

PUT_SECONDS = 30.0  # for a hundred reports to be queued


@dataclass(frozen=True, slots=True)
class Span:
    """Ends of messages between two moments, both included, in epoch seconds; of one account, or of all."""

    begin: float
    end: float
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What would be reported again. `malformed` counts rows that cannot be read."""

    events: Sequence[Event]
    malformed: int

    def counts(self) -> Counter[tuple[str, str]]:
        """How many events by account and kind, `delivered` or `failed`."""
        return Counter((event.account, "failed" if event.code else "delivered") for event in self.events)


def find(client: DynamoDBClient, table: str, span: Span, progress: Callable[[int], None]) -> Found:
    """The reports of messages that ended within a span. `progress` is told how many rows were read so far.

    It reads the whole table, which has no index by time: at list price $0.13 a million rows of 1 KB, some minutes for
    ten million.
    """
    events, malformed, read = [], 0, 0
    for page in _pages(client, table, span):
        read += page["ScannedCount"]
        for item in page["Items"]:
            try:
                events.append(event_of(Row.from_item(item), span.end))
            except (ValueError, KeyError, TypeError):
                malformed += 1
        progress(read)
    return Found(events, malformed)


def queue_again(events: Sequence[Event], queue: Queue, clock: Callable[[], float]) -> list[Event]:
    """Give reports to report, by ReportQueue, a hundred for each call to CleverTap; those that SQS did not surely take.

    To give it these again is safe where it refused them, and may repeat some where it did not answer.
    """
    calls: dict[tuple[str, str | None], list[Event]] = defaultdict(list)  # one call has one encryption
    for event in events:
        calls[event.account, event.encryption].append(event)
    groups = [
        (account, own[start : start + MAX_ITEMS])
        for (account, _), own in calls.items()
        for start in range(0, len(own), MAX_ITEMS)
    ]
    return [event for account, group in groups if not _put(account, group, queue, clock()) for event in group]


def _put(account: str, events: Sequence[Event], queue: Queue, now: float) -> bool:
    pending = Pending.new(account, [asdict(event) for event in events], now)
    return put(queue, [pending], now, Deadline.within(PUT_SECONDS, time.monotonic))


def _pages(client: DynamoDBClient, table: str, span: Span) -> Iterator[Any]:
    statuses = {f":{status.value}": {"S": status.value} for status in sorted(FINAL)}
    condition = f"report = :yes AND finalAt BETWEEN :begin AND :end AND #status IN ({', '.join(statuses)})"
    values: dict[str, Any] = {
        **statuses,
        ":yes": {"BOOL": True},
        ":begin": {"S": times.iso(span.begin)},
        ":end": {"S": times.iso(span.end)},
    }
    if span.account:
        condition += " AND account = :account"
        values[":account"] = {"S": span.account}
    yield from client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression=condition,
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=values,
    )
