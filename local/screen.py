"""What `make run` shows while it runs, taken from the table's stream and the queue: what is shown is so."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from local.bar import Bar
from local.poller import Poller
from local.stream import StreamReader

if TYPE_CHECKING:
    from local.bridge import Bridge
    from local.http_message import Answer, Request

COLOURS = {
    "sent": "green",
    "delivered": "bold green",
    "rejected": "red",
    "undelivered": "red",
    "expired": "red",
    "retrying": "yellow",
    "unknown": "magenta",
}
UNSETTLED = (None, "sending", "retrying")
# Seconds between two looks at the queue.
QUEUE_PAUSE = 1.0


class Screen(Poller):
    """One line for each message that changes, and a bar while chunks wait in the queue."""

    def __init__(self, bridge: Bridge, console: Console | None = None) -> None:
        super().__init__("screen")
        self.console = console or Console(highlight=False)
        self.statuses: dict[tuple[str, str], str] = {}
        self._reader = StreamReader(bridge.aws, bridge.table)
        self._sqs = bridge.aws.sqs()
        self._queue = bridge.stack.queues["DispatchQueue"].url
        self._bar = Bar(self.console)
        self._looked_at = 0.0
        bridge.gateway.listener = self._hear

    def start(self) -> None:
        """Begin to show."""
        self._bar.start()
        super().start()

    def stop(self) -> None:
        """Show the last changes, then no more; the terminal is as it was."""
        super().stop()
        self.join()
        self.poll()
        self._bar.stop()

    def poll(self) -> bool:
        """Show what changed."""
        records = self._reader.read()
        for record in records:
            self._show(record)
        if time.monotonic() - self._looked_at > QUEUE_PAUSE:
            self._looked_at = time.monotonic()
            self._bar.show(*self._depth())
        return bool(records)

    def summary(self) -> str:
        """How many messages ended, or stand, in which status."""
        counts = Counter(self.statuses.values())
        told = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        return f"{len(self.statuses)} messages: {told}" if told else "no messages"

    def _show(self, record: dict[str, Any]) -> None:
        item = record["dynamodb"].get("NewImage")
        if item is None:  # removed
            return
        row = {name: next(iter(value.values())) for name, value in item.items()}
        key, status = (row["recipient"], row["messageId"]), row.get("status", "?")
        before = self.statuses.get(key)
        if before == status:
            return
        self.statuses[key] = status
        self._bar.done += before in UNSETTLED and status not in UNSETTLED
        if status != "sending":  # the claim; its outcome follows
            self.console.print(line(row, datetime.now(UTC)))

    def _hear(self, _: Request, answer: Answer) -> None:
        """Count what a batch put on the queue: `accepted` in the answer of design §4."""
        if b'"accepted"' in answer.body:
            self._bar.expected += json.loads(answer.body)["accepted"]

    def _depth(self) -> tuple[int, int, int]:
        counts = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["All"])["Attributes"]
        return (
            int(counts["ApproximateNumberOfMessages"]),
            int(counts["ApproximateNumberOfMessagesNotVisible"]),
            int(counts["ApproximateNumberOfMessagesDelayed"]),
        )


def line(row: dict[str, Any], now: datetime) -> str:
    """A row of the log as one line: time, masked number, status, and what there is to say of it."""
    status = row.get("status", "?")
    colour = COLOURS.get(status, "white")
    code = f"code {row['code']}" if row.get("code") else ""
    told = " ".join(part for part in (row.get("verificationId", ""), code, row.get("reason", "")) if part)
    return f"{now:%H:%M:%S}  {masked(row['recipient'])}  [{colour}]{status:12}[/]{told}"


def masked(number: str) -> str:
    """A number with its middle hidden, of the same length."""
    return number[:5] + "*" * (len(number) - 8) + number[-3:]
