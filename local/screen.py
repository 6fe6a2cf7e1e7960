"""What `make run` shows while it runs, read from the table's stream and the queues."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from local.poller import Poller
from local.stream import StreamReader

if TYPE_CHECKING:
    from local.bridge import Bridge

COLOURS = {
    "sent": "green",
    "delivered": "bold green",
    "rejected": "red",
    "undelivered": "red",
    "expired": "red",
    "cancelled": "red",
    "retrying": "yellow",
    "unknown": "magenta",
}
# Seconds between two lines with the totals.
TOTALS_PAUSE = 5.0


class Screen(Poller):
    """A line for each message whose status changes; while chunks are in a queue, now and then a line of totals."""

    def __init__(self, bridge: Bridge, console: Console | None = None) -> None:
        super().__init__("screen")
        self.console = console or Console(highlight=False)
        self.statuses: dict[tuple[str, str], str] = {}
        self._reader = StreamReader(bridge.aws, bridge.table)
        self._sqs = bridge.aws.sqs()
        names = [source.queue_name for source in bridge.stack.functions["DispatchFunction"].queues]
        self._queues = [queue.url for queue in bridge.stack.queues.values() if queue.name in names]
        self._totals_at = 0.0

    def stop(self) -> None:
        """Show the last changes, then no more."""
        super().stop()
        self.join()
        self.poll()

    def poll(self) -> bool:
        """Show what changed."""
        records = self._reader.read()
        for record in records:
            self._show(record)
        if time.monotonic() - self._totals_at > TOTALS_PAUSE:
            self._totals_at = time.monotonic()
            self._show_totals()
        return bool(records)

    def summary(self) -> str:
        """How many messages have which status."""
        counts = Counter(self.statuses.values())
        totals = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        return f"{len(self.statuses)} messages: {totals}" if totals else "no messages"

    def _show(self, record: dict[str, Any]) -> None:
        item = record["dynamodb"].get("NewImage")
        if item is None:  # removed
            return
        row = {name: next(iter(value.values())) for name, value in item.items()}
        key, status = (row["recipient"], row["messageId"]), row.get("status", "?")
        if self.statuses.get(key) == status:
            return
        self.statuses[key] = status
        if status != "sending":  # the claim; its outcome follows
            self.console.print(line(row, datetime.now(UTC)), soft_wrap=True)

    def _show_totals(self) -> None:
        depth: Counter[str] = Counter()
        for url in self._queues:
            depth.update(self._depth(url))
        if depth.total():
            chunks = ", ".join(f"{count} {state}" for state, count in depth.items())
            self.console.print(f"chunks: {chunks}; {self.summary()}", soft_wrap=True)

    def _depth(self, url: str) -> dict[str, int]:
        counts = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {
            "waiting": int(counts["ApproximateNumberOfMessages"]),
            "at work": int(counts["ApproximateNumberOfMessagesNotVisible"]),
            "delayed": int(counts["ApproximateNumberOfMessagesDelayed"]),
        }


def line(row: dict[str, Any], now: datetime) -> str:
    """A row of the log as one line: time, masked number, status, and what else is known."""
    status = row.get("status", "?")
    colour = COLOURS.get(status, "white")
    code = f"code {row['code']}" if row.get("code") else ""
    more = " ".join(part for part in (row.get("verificationId", ""), code, row.get("reason", "")) if part)
    return f"{now:%H:%M:%S}  {masked(row['recipient'])}  [{colour}]{status:12}[/]{more}"


def masked(number: str) -> str:
    """A number with its middle hidden, of the same length."""
    return number[:5] + "*" * (len(number) - 8) + number[-3:]
