"""What follows from how an attempt ended. This is the one place that decides it: outcomes go into the log, what has to
wait goes to its chunk's leftovers, and everything is counted.

Outcomes are written 25 at a time. A worker that dies leaves those unwritten in doubt, so their number has a limit: one
batch, and one for each thread. A thread that wants to begin beyond it waits for the log (`reserve`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bridge.log.table import BATCH
from bridge.message import Cause, Status
from bridge.send import Ending
from bridge.telemetry import logger
from bridge.times import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.engine import Engine
    from bridge.leftovers import Leftovers
    from bridge.log.row import Claim, Row
    from bridge.message import Outcome
    from bridge.send import SendResult
    from bridge.telemetry import InvocationMetrics
    from bridge.worker_time import WorkerTime

FLUSH_SECONDS = 0.5
"""Outcomes wait no longer than this for a full batch."""


class Finisher:
    """Finishes the attempts of one invocation. Threads that send call `reserve` and `release`, and nothing else."""

    def __init__(self, engine: Engine, metrics: InvocationMetrics, time: WorkerTime, *, waited_for: bool) -> None:
        """`waited_for`: CleverTap waits for what becomes of the message, and is told of a rejection by the answer."""
        self._log = engine.log
        self._metrics = metrics
        self._time = time
        self._waited_for = waited_for
        self._unwritten = threading.BoundedSemaphore(engine.concurrency + BATCH)
        self._outcomes: list[tuple[Leftovers, Claim, Outcome]] = []
        self._flush_by = time.deadline
        self._logged: set[str] = set()
        self.results: list[SendResult] = []
        """Of all messages, in the order in which they ended."""

    def reserve(self) -> bool:
        """Wait for room for one more outcome. False: the log is too slow, nothing may begin."""
        return self._unwritten.acquire(timeout=self._time.sending.remaining())

    def release(self) -> None:
        """Give back the room: the attempt has no outcome."""
        self._unwritten.release()

    def finish(self, leftovers: Leftovers, result: SendResult) -> None:
        """Do what follows from how an attempt ended."""
        self.results.append(result)
        account, message = result.message.account, result.message
        match result.ending:
            case Ending.ATTEMPTED:
                self._finish_attempt(leftovers, result)
            case Ending.ENDED:
                assert result.outcome  # noqa: S101 - it has one
                self._metrics.add_status(account, result.outcome.status)
            case Ending.ABANDONED:
                self._metrics.add_status(account, Status.UNKNOWN)
            case Ending.DUPLICATE:
                self._metrics.add_status(account, "duplicate")
            case Ending.IN_FLIGHT:
                self._metrics.add_postponed(account, Cause.IN_FLIGHT)
                leftovers.again(message, result.busy_for)
            case Ending.NOT_ATTEMPTED:
                cause = result.cause or Cause.NO_TIME
                self._log_reason(result)
                self._metrics.add_postponed(account, cause)
                leftovers.failed |= cause is Cause.LOG_REFUSED
                leftovers.postpone(message, cause, result.busy_for)

    def flush_in(self) -> float:
        """Seconds until outcomes have to be written."""
        return self._flush_by.remaining() if self._outcomes else FLUSH_SECONDS

    def flush(self) -> None:
        """Write the outcomes that there are."""
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return
        unwritten = self._record([(claim, outcome) for _, claim, outcome in outcomes])
        self._unwritten.release(len(outcomes))
        owners = {claim.id: leftovers for leftovers, claim, _ in outcomes}
        for row in unwritten:
            self._metrics.add(row.account, "OutcomesUnrecorded")
            owners[row.claimed_by or ""].rows.append(row)

    def _log_reason(self, result: SendResult) -> None:
        """Log, once in an invocation, each reason for which the log did not take a claim."""
        if result.reason and result.reason not in self._logged:
            self._logged.add(result.reason)
            refused = result.cause is Cause.LOG_REFUSED
            then = "the chunk is delivered again, then dead-lettered" if refused else "tried again within a minute"
            account = result.message.account
            logger.error(f"messages were not claimed: {then}", account=account, reason=result.reason)

    def _finish_attempt(self, leftovers: Leftovers, result: SendResult) -> None:
        claim, outcome = result.claim, result.outcome
        assert claim  # noqa: S101 - an attempt has both
        assert outcome  # noqa: S101
        account = result.message.account
        self._metrics.add_outcome(account, outcome, result.seconds)
        if outcome.status is Status.RETRYING:
            cause = outcome.cause or Cause.UNREACHABLE
            self._metrics.add_postponed(account, cause)
            leftovers.retry(result.message, cause, outcome.retry_after)
            if self._waited_for:
                self._unwritten.release()
                return  # first the queue: accept records it when the message is there
        if not self._outcomes:
            self._flush_by = Deadline.within(FLUSH_SECONDS, self._time.deadline.clock)
        self._outcomes.append((leftovers, claim, outcome))
        # Where CleverTap waits, before the breaker is published: that may take the time that is left.
        if self._waited_for or len(self._outcomes) >= BATCH:
            self.flush()

    def _record(self, outcomes: Sequence[tuple[Claim, Outcome]]) -> list[Row]:
        """Write outcomes; those that could not be written come back, and travel with the leftovers."""
        if not self._waited_for:
            return self._log.record_batch(outcomes, self._time.recording())
        rows = [
            self._log.outcome_row(claim, outcome, already_reported=outcome.status is Status.REJECTED)
            for claim, outcome in outcomes
        ]
        return self._log.record(rows, self._time.recording()).unwritten
