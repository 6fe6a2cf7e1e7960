"""How a worker divides its time: four parts, by deadlines counted back from its end.

    begin ───────────────▶ beginning ──12 s──▶ sending ──────▶ recording ──▶ deadline
    messages begin         no more begins;     all calls        outcomes      leftovers go
                           calls run out       have ended       are written   back to the queue

With little time each part is a share of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.aws import CALL_SECONDS

if TYPE_CHECKING:
    from bridge.times import Deadline

CLOSING_SECONDS = 15.0
"""A worker's last seconds: to write outcomes and give back the rest, even when DynamoDB and SQS are slow."""

BEGIN_SECONDS = 12.0
"""What a message may take once it is begun: its claim, and the vendor's 10 s."""

SHARE = 0.26
"""The most that either takes of a worker's time. Of accept's 13.5 s it leaves the vendor 10, and 3.5 for the queue."""


class WorkerTime:
    """The time that a worker has from now to its deadline."""

    def __init__(self, deadline: Deadline) -> None:
        share = deadline.remaining() * SHARE
        self._closing = min(CLOSING_SECONDS, share)
        self.deadline = deadline
        self.sending = deadline.before(self._closing)
        """By when all calls to the vendor have ended."""
        self.beginning = self.sending.before(min(BEGIN_SECONDS, share))
        """No message begins after this."""

    def recording(self) -> Deadline:
        """By when outcomes must be written: where there is time for it, some is kept to give back what was not."""
        spare = CALL_SECONDS if self.deadline.allows(2 * CALL_SECONDS) else 0.0
        return self.deadline.before(max(spare, self._closing - 3 * CALL_SECONDS))
