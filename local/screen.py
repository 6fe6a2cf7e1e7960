"""What `make run` shows while it runs, read from the table's stream, the counters and the queues."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bridge.operations.messages import masked
from local.poller import PAUSE, Poller
from local.stream import StreamReader
from local.terminal import on_one_line

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
# Where a message is still to be sent.
UNDER_WAY = ("sending", "retrying")
# Where it is not, in the order in which they are shown.
ENDED = ("sent", "delivered", "undelivered", "rejected", "expired", "cancelled", "unknown")
# Seconds between two lines of the summary where it cannot be written over.
LINE_PAUSE = 2.0
# Seconds over which the rate is taken.
RATE_SECONDS = 10.0


class Screen(Poller):
    """A summary of all messages that is kept up to date; with `verbose` a line for each that changes as well.

    In a terminal the summary is the last line, written over and over; elsewhere a line now and then, while it changes.
    """

    def __init__(self, bridge: Bridge, console: Console | None = None, *, verbose: bool | None = None) -> None:
        super().__init__("screen")
        self.console = console or Console(highlight=False)
        self.statuses: dict[tuple[str, str], str] = {}
        self._verbose = bool(os.environ.get("VERBOSE")) if verbose is None else verbose
        self._live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None
        self._reader = StreamReader(bridge.aws, bridge.table)
        self._dynamodb = bridge.aws.dynamodb()
        self._campaigns = bridge.stack.tables["CampaignTable"].name
        self._never_accepted: set[tuple[str, str]] = set()
        self._done: deque[tuple[float, int]] = deque()
        self._accepted = 0
        self._shown = ""
        self._shown_at = 0.0

    def start(self) -> None:
        """Start the thread."""
        if self._live:
            self._live.start()
        super().start()

    def stop(self) -> None:
        """Show the last changes, then no more."""
        super().stop()
        self.join()
        self.poll()
        if self._live:
            self._live.stop()

    def poll(self) -> bool:
        """Show what changed."""
        records = self._reader.read()
        for record in records:
            self._note(record)
        now = time.monotonic()
        if self.stopping.is_set():
            self._show_summary(now)
        elif now - self._shown_at > (PAUSE if self._live else LINE_PAUSE):
            self._accepted = self._read_accepted()
            self._show_summary(now)
        return bool(records)

    def summary(self) -> str:
        """How many messages have which status."""
        counts = Counter(self.statuses.values())
        totals = ", ".join(f"{counts[status]:,} {status}" for status in (*UNDER_WAY, *ENDED) if counts[status])
        return f"{len(self.statuses):,} messages: {totals}" if totals else "no messages"

    def _note(self, record: dict[str, Any]) -> None:
        item = record["dynamodb"].get("NewImage")
        if item is None:  # removed
            return
        row = {name: next(iter(value.values())) for name, value in item.items()}
        key, status = (row["recipient"], row["messageId"]), row.get("status", "?")
        if self.statuses.get(key) == status:
            return
        self.statuses[key] = status
        if status == "rejected" and row.get("attempts") == "0":
            self._never_accepted.add(key)
        else:  # it came again
            self._never_accepted.discard(key)
        if self._verbose and status != "sending":  # the claim; its outcome follows
            self.console.print(line(row, datetime.now(UTC)), soft_wrap=True)

    def _show_summary(self, now: float) -> None:
        text = ", ".join(part for part in (self.summary(), *self._progress(now)) if part)
        if self._live:
            self._live.update(coloured(text), refresh=True)
        elif text != self._shown and self.statuses:
            self.console.print(f"{datetime.now(UTC):%H:%M:%S}  {text}", soft_wrap=True)
        self._shown, self._shown_at = text, now

    def _progress(self, now: float) -> list[str]:
        """The rate, what is left, and how long that takes at this rate; nothing when all is done."""
        under_way = sum(status in UNDER_WAY for status in self.statuses.values())
        ended = len(self.statuses) - under_way - len(self._never_accepted)
        left = max(self._accepted - ended, under_way)
        self._done.append((now, ended))
        while len(self._done) > 1 and now - self._done[0][0] > RATE_SECONDS:
            self._done.popleft()
        (before, then), seconds = self._done[0], now - self._done[0][0]
        rate = (ended - then) / seconds if seconds > 0 and before < now else 0.0
        if not left:
            return []
        time_left = f"{duration(left / rate)} left" if rate > 0 else ""
        return [f"{left:,} waiting", f"{rate:,.0f} a second" if rate > 0 else "", time_left]

    def _read_accepted(self) -> int:
        """How many messages were accepted, in all campaigns."""
        items = self._dynamodb.scan(TableName=self._campaigns)["Items"]
        return sum(int(item.get("accepted", {}).get("N", 0)) for item in items)


def duration(seconds: float) -> str:
    """About how long, in words."""
    return f"{max(1, round(seconds))} s" if seconds < 100 else f"{round(seconds / 60)} min"  # noqa: PLR2004 - s until then


def coloured(text: str) -> Text:
    """A summary with its statuses in their colours."""
    shown = Text(text)
    for status, colour in COLOURS.items():
        shown.highlight_regex(rf"[\d,]+ {status}\b", colour)
    return shown


def line(row: dict[str, Any], now: datetime) -> Text:
    """A row of the log as one line: time, masked number, status, and what else is known."""
    status = row.get("status", "?")
    colour = COLOURS.get(status, "white")
    code = f"code {row['code']}" if row.get("code") else ""
    more = " ".join(part for part in (row.get("verificationId", ""), code, row.get("reason", "")) if part)
    shown = (f"{now:%H:%M:%S}  {masked(row['recipient'])}  ", f"{status:12}", more)
    before, status, more = map(on_one_line, shown)
    return Text.assemble(before, (status, colour), more)
