"""What accept writes down of a request: rejections in the log, accepted messages in their campaigns' counters."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bridge.aws import CALL_SECONDS
from bridge.campaigns.keys import campaign_key
from bridge.chunk import Chunk
from bridge.errors import LogUnavailable
from bridge.leftovers import Leftovers
from bridge.message import Status
from bridge.sqs import Queued
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.campaigns.counting import Counters
    from bridge.campaigns.table import Key
    from bridge.chunk import ChunkQueue
    from bridge.invocation import Invocation
    from bridge.log.log import Log
    from bridge.message import Message, Rejection


class AcceptLog:
    """Writes down what became of the records of a request."""

    def __init__(self, log: Log, counters: Counters, queue: ChunkQueue, clock: Callable[[], float]) -> None:
        """`queue` takes rows that the log does not; `clock` gives epoch seconds."""
        self._log = log
        self._counters = counters
        self._queue = queue
        self._clock = clock

    def count(self, queued: Sequence[Message], invocation: Invocation, *, spare: float = 0.0) -> None:
        """Count messages that are queued as accepted, by campaign. They are, whether or not they can be counted. After
        the first campaign `spare` seconds are left for what has to be done afterwards.
        """
        campaigns: dict[Key, list[Message]] = defaultdict(list)
        for message in queued:
            campaigns[message.account, campaign_key(message.campaign_id)].append(message)
        reason, takes = "no time left", float(CALL_SECONDS)
        while campaigns and invocation.deadline.allows(takes):
            key, messages = next(iter(campaigns.items()))
            try:
                self._counters.accept(key, len(messages), sum(message.segments for message in messages))
            except LogUnavailable as error:
                reason = str(error)
                break
            del campaigns[key]
            takes = CALL_SECONDS + spare
        for key, messages in campaigns.items():
            logger.warning(
                "accepted messages not counted: their campaign's counter stays too low",
                account=key[0],
                reason=reason,
                count=len(messages),
            )
            invocation.metrics.add(key[0], "AcceptedUncounted", len(messages))

    def record_rejections(
        self, rejections: Sequence[Rejection], account_id: str, invocation: Invocation, *, report: bool
    ) -> None:
        """Write rejections to the log, or else to the queue, from where they are written later."""
        invocation.metrics.add_status(account_id, Status.REJECTED, len(rejections))
        invocation.metrics.failures.update(item.failure for item in rejections)
        rows = [self._log.rejection_row(item, account_id, report=report) for item in rejections]
        # The queue needs some time, too, if there is enough for both.
        deadline = invocation.deadline
        until = deadline.before(CALL_SECONDS) if deadline.allows(2 * CALL_SECONDS) else deadline
        unwritten = self._log.record(rows, until).unwritten
        if unwritten:
            leftovers = Leftovers(Chunk(account_id, self._clock(), 0, [], request=invocation.id), rows=unwritten)
            [parts] = self._queue.put(leftovers.chunks(), deadline)
            note_unrecorded(parts, invocation)


def note_unrecorded(parts: Sequence[tuple[Chunk, Queued]], invocation: Invocation) -> None:
    """Log and count rows that are neither in the log nor on the queue."""
    for part, queued in parts:
        if part.outcomes and queued is not Queued.YES:
            count = len(part.outcomes)
            logger.error(
                "outcomes not recorded: neither the log nor the queue took them", account=part.account, count=count
            )
            invocation.metrics.add(part.account, "OutcomesUnrecorded", count)
