"""What CleverTap asked for: one message is sent while it waits, many go to the queue (design §4)."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.clevertap import codes
from bridge.delivery import Attempted, Postponed, Refused
from bridge.message import NothingAccepted, Outcome, Rejection, Status
from bridge.queues import Chunk, Queued, encode
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.accounts import Account
    from bridge.clevertap.requests import Readings
    from bridge.delivery import Delivery, Result
    from bridge.message import Message
    from bridge.queues import Queue
    from bridge.rows import Row
    from bridge.send_log import SendLog
    from bridge.telemetry import Tally
    from bridge.times import Deadline

PAUSE_SECONDS = 5.0
"""For how long single messages go to the queue after the vendor failed one: the next would wait just as long."""

CLOSING_SECONDS = 3.5
"""What is kept of a request's time for the log or the queue, once the vendor had its chance."""

GRACE_SECONDS = 0.3
"""How much longer than its deadline an attempt may take before it is left to itself."""

NOT_QUEUED = "the bridge could not queue the message"

_WAITERS = 8  # threads for calls that outlive their request because the vendor's answer trickles


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message: `sent`, `queued`, `unknown`, `duplicate` (`was` says of what) or `rejected`."""

    status: str
    message_id: str
    verification_id: str | None = None
    was: str | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: how many records are on the queue, and which are not."""

    accepted: int
    rejected: list[Rejection]


class Intake:
    """Takes what CleverTap posts."""

    def __init__(self, delivery: Delivery, log: SendLog, queue: Queue, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._delivery = delivery
        self._log = log
        self._queue = queue
        self._clock = clock
        self._paused_until: dict[str, float] = {}
        self._waiters = ThreadPoolExecutor(_WAITERS)

    def take_one(self, message: Message, account: Account, worker: str, end: Deadline, tally: Tally) -> Fate:
        """Send one message, or queue it, before `end`.

        Raises:
            NothingAccepted: it is neither sent nor queued, and will not be.
        """
        if self._clock() < self._paused_until.get(account.id, 0.0):
            return self._queue_one(message, worker, end, tally)
        result = self._attempt(message, account, worker, replace(end, at=end.at - CLOSING_SECONDS))
        match result:
            case Attempted():
                return self._attempted(result, account, worker, end, tally)
            case Refused():
                tally.add_status(account.id, "duplicate")
                if result.was is Status.SENDING:
                    self._look_again(message, worker, end, result.busy_for)
                return Fate("duplicate", message.message_id, was=result.was.value)
            case Postponed():
                return self._queue_one(result.message, worker, end, tally)
            case None:
                # A thread is still at it.
                self._pause(account)
                self._look_again(message, worker, end, times.LONGEST_DELAY_SECONDS)
                return Fate(Status.UNKNOWN.value, message.message_id)

    def reject_one(self, rejection: Rejection, account: Account, end: Deadline, tally: Tally) -> Fate:
        """Log one record that cannot be a message; CleverTap is told by the answer."""
        self._record([self._log.rejection_row(rejection, account.id, self._clock(), report=False)], account, end, tally)
        _count([rejection], account, tally)
        return Fate("rejected", rejection.message_id, code=rejection.code, reason=rejection.reason)

    def take_many(self, readings: Readings, account: Account, worker: str, end: Deadline, tally: Tally) -> Taken:
        """Queue many messages and log the rejected records.

        Raises:
            NothingAccepted: there are messages, and none of them could be queued.
        """
        lost = self._queue_many(readings, account, worker, end) if readings.messages else []
        accepted = len(readings.messages) - len(lost)
        rejected = sorted([*readings.rejections, *lost], key=lambda rejection: rejection.index)
        told = not readings.messages  # with a 422
        rows = [self._log.rejection_row(item, account.id, self._clock(), report=not told) for item in rejected]
        self._record(rows, account, end, tally)
        _count(rejected, account, tally)
        tally.add(account.id, "MessagesAccepted", accepted)
        return Taken(accepted, rejected)

    def _attempt(self, message: Message, account: Account, worker: str, until: Deadline) -> Result | None:
        """The attempt's result, or None when its time is over: an answer that trickles keeps no deadline."""
        future = self._waiters.submit(self._delivery.attempt, message, account, worker, until)
        try:
            return future.result(timeout=until.remaining() + GRACE_SECONDS)
        except OutOfTime:
            # Where older answers still trickle in all threads, it was not even begun.
            return Postponed(message) if future.cancel() else None

    def _attempted(self, attempt: Attempted, account: Account, worker: str, end: Deadline, tally: Tally) -> Fate:
        outcome, message = attempt.outcome, attempt.claim.message
        tally.add_outcome(account.id, outcome, attempt.seconds)
        if outcome.outage:
            self._pause(account)
        if outcome.status is Status.RETRYING:
            return self._retry(attempt, account, worker, end, tally)
        told = outcome.status is Status.REJECTED
        self._record([self._log.outcome_row(attempt.claim, outcome, told=told)], account, end, tally)
        tally.add(account.id, "MessagesAccepted", 0 if told else 1)
        return Fate(
            outcome.status.value,
            message.message_id,
            verification_id=outcome.verification_id,
            code=outcome.code,
            reason=outcome.reason,
        )

    def _pause(self, account: Account) -> None:
        self._paused_until[account.id] = self._clock() + PAUSE_SECONDS

    def _retry(self, attempt: Attempted, account: Account, worker: str, end: Deadline, tally: Tally) -> Fate:
        outcome = attempt.outcome
        try:
            again = replace(attempt.message, attempts=1)
            fate = self._queue_one(again, worker, end, tally, delay=outcome.retry_after)
        except NothingAccepted:
            refused = Outcome(Status.REJECTED, codes.SYSTEM_ERROR, NOT_QUEUED)
            self._record([self._log.outcome_row(attempt.claim, refused, told=True)], account, end, tally)
            raise
        self._record([self._log.outcome_row(attempt.claim, outcome)], account, end, tally)
        return fate

    def _queue_one(
        self, message: Message, worker: str, end: Deadline, tally: Tally, *, delay: int | None = None
    ) -> Fate:
        wait = times.backoff(1, random.random()) if delay is None else delay  # noqa: S311 - jitter, no secret
        chunk = Chunk(message.account, message.accepted_at, message.attempts, [message], request=worker)
        [queued] = self._queue.send([(body, wait) for body, _ in encode(chunk)], _before_voiding(end))
        if queued is Queued.YES:
            tally.add(message.account, "MessagesAccepted")
            return Fate("queued", message.message_id)
        if queued is Queued.IN_DOUBT:
            _, taken = self._void([_not_queued(message, 0)], message.account, end, report=False)
            if taken:
                return Fate("duplicate", message.message_id, was=str(taken[0][1]["status"]))
        raise NothingAccepted("neither Message Central nor the queue could be reached")

    def _look_again(self, message: Message, worker: str, end: Deadline, delay: float) -> None:
        """Have somebody look at a message that is being sent: whoever finds it `sending` when its worker's time is over
        calls it unknown. Without that it is in the log all the same.
        """
        chunk = Chunk(message.account, message.accepted_at, message.attempts, [message], request=worker)
        wait = min(times.LONGEST_DELAY_SECONDS, math.ceil(delay))
        self._queue.send([(body, wait) for body, _ in encode(chunk)], end)

    def _queue_many(self, readings: Readings, account: Account, worker: str, end: Deadline) -> list[Rejection]:
        """Queue the messages; those that could not be queued come back as rejections."""
        chunk = Chunk(account.id, readings.messages[0].accepted_at, 0, readings.messages, request=worker)
        parts = list(encode(chunk))
        results = self._queue.send([(body, 0) for body, _ in parts], _before_voiding(end))
        indexes = iter(readings.indexes)
        by_result: dict[Queued, list[Rejection]] = {queued: [] for queued in Queued}
        for (_, part), queued in zip(parts, results, strict=True):
            by_result[queued] += [_not_queued(message, next(indexes)) for message in part.messages]
        report = bool(by_result[Queued.YES])  # else CleverTap is told by a 503
        voided, _ = self._void(by_result[Queued.IN_DOUBT], account.id, end, report=report)
        lost = by_result[Queued.NO] + voided
        if len(lost) == len(readings.messages):
            raise NothingAccepted("the queue could not be reached")
        return lost

    def _void(
        self, doubtful: Sequence[Rejection], account: str, end: Deadline, *, report: bool
    ) -> tuple[list[Rejection], list[tuple[Rejection, Row]]]:
        """Make sure that messages whose chunk may yet turn up are not sent.

        Returns those that now are `rejected`, and those that the log already knows, with their rows: a worker was
        quicker, or they were there before.
        """
        rows = [self._log.rejection_row(item, account, self._clock(), report=report) for item in doubtful]
        unwritten, superseded = self._log.settle_all(rows, end)
        if unwritten:
            logger.error("messages that were refused may still be sent", account=account, count=len(unwritten))
        there = {id(row): other for row, other in superseded}
        pairs = list(zip(doubtful, rows, strict=True))
        known = [(item, there[id(row)]) for item, row in pairs if id(row) in there]
        return [item for item, row in pairs if id(row) not in there], known

    def _record(self, rows: Sequence[Row], account: Account, end: Deadline, tally: Tally) -> None:
        """Write outcomes to the log, or else to the queue, from where they are written later."""
        # The queue needs some time, too, if there is enough for both.
        until = replace(end, at=end.at - CALL_SECONDS) if end.allows(2 * CALL_SECONDS) else end
        unwritten, _ = self._log.settle_all(rows, until)
        if not unwritten:
            return
        chunk = Chunk(account.id, self._clock(), 0, [], outcomes=unwritten)
        results = self._queue.send([(body, times.FIRST_RETRY_SECONDS) for body, _ in encode(chunk)], end)
        if any(queued is not Queued.YES for queued in results):
            logger.error("outcomes could not be recorded", account=account.id, count=len(unwritten))
            tally.add(account.id, "OutcomesUnrecorded", len(unwritten))


def _before_voiding(end: Deadline) -> Deadline:
    """By when SQS must have answered, so that what it leaves in doubt can still be made void."""
    return replace(end, at=end.at - 2 * CALL_SECONDS) if end.allows(3 * CALL_SECONDS) else end


def _count(rejections: Sequence[Rejection], account: Account, tally: Tally) -> None:
    tally.add_status(account.id, Status.REJECTED, len(rejections))
    tally.rejections.update(rejection.code for rejection in rejections)


def _not_queued(message: Message, index: int) -> Rejection:
    return Rejection(
        index=index,
        recipient=message.recipient,
        message_id=message.message_id,
        code=codes.SYSTEM_ERROR,
        reason=NOT_QUEUED,
        text=message.text,
        campaign_id=message.campaign_id,
        unsent_claim=next(iter(message.unsent_claims), None),
    )
