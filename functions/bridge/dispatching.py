"""Chunks from the queue: their messages to the vendor, their outcomes into the log, the rest back to the queue.

Nothing is lost on the way: what was not sent goes back as new chunks **before** a chunk counts as done, and a chunk
whose rest could not be queued fails, so that SQS delivers it again. Nothing is sent twice: whoever gets a message has
to claim it (`delivery.py`), so that two chunks with the same message do no harm.
"""

from __future__ import annotations

import math
import random
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.breaker import Breaker
from bridge.delivery import TOO_OLD, Attempted, Refused, Result
from bridge.message import AccountError, AccountUnavailable, Message, Status
from bridge.pool import as_done
from bridge.queues import Queued, encode
from bridge.send_log import BATCH
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from bridge.accounts import Account, Accounts
    from bridge.delivery import Delivery
    from bridge.queues import Chunk, Queue
    from bridge.rows import Row
    from bridge.send_log import SendLog
    from bridge.telemetry import Tally
    from bridge.times import Deadline

CLOSING_SECONDS = 15.0
"""A worker's last seconds: to write outcomes and give back the rest, even when DynamoDB and SQS are slow."""

BEGIN_SECONDS = 12.0
"""What a message may take once it is begun: its claim, and the vendor's 10 s."""

SHARE = 0.25
"""The most that either takes of a worker's time, so that a short-lived worker still gets to send."""

FLUSH_SECONDS = 0.5
"""Outcomes wait no longer than this for a full batch."""


@dataclass(frozen=True, slots=True)
class _NotBegun:
    """A message that was not tried: the worker's time is over, or (`outage`) it would fail like those before it."""

    message: Message
    outage: bool


@dataclass(slots=True)
class _Rest:
    """What is left of a chunk: messages by (delay, attempts), rows that could not be written, and whether it failed."""

    chunk: Chunk
    backoff: int
    messages: dict[tuple[int, int], list[Message]] = field(default_factory=lambda: defaultdict(list))
    outcomes: list[Row] = field(default_factory=list)
    failed: bool = False

    def again(self, message: Message, delay: float) -> None:
        """Look at a message again after `delay` seconds; this was no attempt."""
        self._add(message, delay, self.chunk.attempts)

    def retry(self, message: Message, delay: int | None = None) -> None:
        """Try a message again after the vendor's own delay, or one that grows with the chunk's attempts."""
        self._add(message, self.backoff if delay is None else delay, self.chunk.attempts + 1)

    def _add(self, message: Message, delay: float, attempts: int) -> None:
        self.messages[min(times.LONGEST_DELAY_SECONDS, math.ceil(delay)), attempts].append(message)

    def chunks(self) -> list[tuple[Chunk, int]]:
        """The rest as new chunks, each with its delay in seconds.

        A chunk that failed is delivered again with all its messages: copies of them here would multiply.
        """
        again = (
            []
            if self.failed
            else [
                (replace(self.chunk, attempts=attempts, messages=messages, outcomes=()), delay)
                for (delay, attempts), messages in self.messages.items()
            ]
        )
        if self.outcomes:
            attempts = self.chunk.attempts + 1
            again.append((replace(self.chunk, attempts=attempts, messages=(), outcomes=self.outcomes), self.backoff))
        return again


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done for one message."""

    rest: _Rest
    message: Message
    job: Callable[[], Result | _NotBegun]


class _Run:
    """One invocation: takes results, writes outcomes in batches, counts."""

    def __init__(self, log: SendLog, tally: Tally, end: Deadline, threads: int) -> None:
        self._log = log
        self._threads = threads
        # Of messages that are claimed and not recorded: as many as threads, and one batch. Where the table is slower
        # than the vendor, sending waits for it, so that a crash leaves no more than these in doubt.
        self.unrecorded = threading.BoundedSemaphore(threads + BATCH)
        self._tally = tally
        self._end = end
        self._rows: list[tuple[_Rest, Row]] = []
        share = end.remaining() * SHARE
        closing = min(CLOSING_SECONDS, share)
        self.sending = replace(end, at=end.at - closing)
        """By when all calls to the vendor have ended."""
        self.beginning = replace(self.sending, at=self.sending.at - min(BEGIN_SECONDS, share))
        """By when the last of them has begun."""
        # Outcomes that cannot be written go back with the rest: where there is time for both, it is kept for that.
        self._recording = replace(end, at=end.at - max(0.0, closing - 3 * CALL_SECONDS))

    def finish(self, work: Sequence[_Work]) -> dict[str, bool]:
        """Do it all, as far as time allows.

        Tells of the accounts that this shows something about whether messages failed for reasons that hold for others.
        What was sent before, is too old, or could not be claimed shows nothing.
        """
        outages: dict[str, bool] = {}
        for done in as_done([item.job for item in work], self._threads, self.sending, FLUSH_SECONDS):
            if done is None:
                self._flush()
                continue
            item = work[done[0]]
            result = self._result(item, done[1])
            self._take(item.rest, item.message, result)
            if isinstance(result, _NotBegun) or (isinstance(result, Attempted) and result.outcome is not TOO_OLD):
                outages[item.message.account] = outages.get(item.message.account, False) or result.outage
        self._flush()
        return outages

    def _result(self, item: _Work, future: Future[Result | _NotBegun]) -> Result | _NotBegun:
        """What a job came to; a job that did not end in time is a worker that will be over by its lifetime."""
        if future.cancelled():
            return _NotBegun(item.message, outage=False)
        if not future.done():
            return Refused(item.message, Status.SENDING, self._end.remaining() + times.FIRST_RETRY_SECONDS)
        if error := future.exception():
            # A fault of ours: the chunk comes again, and in the end to the dead letters. The error's text may hold
            # anything, so only its kind and place are logged.
            logger.error("a message failed", error=type(error).__name__, where=_where(error))
            item.rest.failed = True
            return Refused(item.message, Status.SENDING, times.FIRST_RETRY_SECONDS)
        return future.result()

    def _take(self, rest: _Rest, message: Message, result: Result | _NotBegun) -> None:
        match result:
            case Attempted():
                self._take_attempt(rest, result)
            case Refused(was=Status.SENDING):
                rest.again(message, result.busy_for)
            case Refused():
                self._tally.add_status(message.account, "duplicate")
            case _NotBegun(outage=False):
                rest.again(message, 0)
            case _:
                rest.retry(result.message)

    def _take_attempt(self, rest: _Rest, attempt: Attempted) -> None:
        outcome, account = attempt.outcome, attempt.claim.message.account
        if outcome.status is Status.EXPIRED:
            self._tally.add_status(account, outcome.status)
            return  # recorded by its very claim
        self._tally.add_outcome(account, outcome, attempt.seconds)
        if outcome.status is Status.RETRYING:
            rest.retry(attempt.message, outcome.retry_after)
        self._rows.append((rest, self._log.outcome_row(attempt.claim, outcome)))
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        unwritten = {id(row) for row in self._log.record([row for _, row in rows], self._recording)}
        for rest, row in rows:
            self.unrecorded.release()
            if id(row) in unwritten:
                self._tally.add(rest.chunk.account, "OutcomesUnrecorded")
                rest.outcomes.append(row)


class Dispatcher:
    """Works off chunks."""

    def __init__(
        self,
        delivery: Delivery,
        log: SendLog,
        queue: Queue,
        accounts: Accounts,
        *,
        concurrency: int,
        validity_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`concurrency` messages are at the vendor at once; `clock` gives epoch seconds."""
        self._delivery = delivery
        self._log = log
        self._queue = queue
        self._accounts = accounts
        self._concurrency = concurrency
        self._validity = validity_seconds
        self._clock = clock
        # By account, and kept from one invocation to the next: a vendor that hangs for an hour must not leave
        # messages in doubt with each event anew.
        self._breakers: dict[str, Breaker] = defaultdict(Breaker)

    def dispatch(self, chunks: Sequence[Chunk], worker: str, end: Deadline, tally: Tally) -> list[bool]:
        """Work off chunks before `end`; tells for each whether it is done, or has to be delivered again."""
        rests = [_Rest(chunk, times.backoff(chunk.attempts + 1, random.random())) for chunk in chunks]  # noqa: S311 - jitter
        run = _Run(self._log, tally, end, self._concurrency)
        for rest in rests:
            self._settle(rest, run)
        work = [item for rest in rests for item in self._work(rest, worker, run, tally)]
        run.finish(self._probe(work, run))
        for account in {item.message.account for item in work if self._breakers[item.message.account].tripped}:
            tally.add(account, "SendingPaused")
        self._give_back(rests, end)
        return [not rest.failed for rest in rests]

    def _probe(self, work: Sequence[_Work], run: _Run) -> list[_Work]:
        """Where the last ones failed, try one message of an account after the other until one shows whether the rest
        would fail as well. Returns the rest.
        """
        by_account: dict[str, list[_Work]] = defaultdict(list)
        for item in work:
            by_account[item.message.account].append(item)
        failed = {item.message.account for item in work if item.rest.chunk.attempts}
        unclear = {account for account in by_account if account in failed or self._breakers[account].tripped}
        while unclear:
            for account in unclear:
                self._breakers[account].probe()
            outages = run.finish([by_account[account].pop() for account in unclear])
            for account, outage in outages.items():
                if outage:
                    self._breakers[account].trip()
            unclear = {account for account in unclear - outages.keys() if by_account[account]}
        return [item for items in by_account.values() for item in items]

    def _settle(self, rest: _Rest, run: _Run) -> None:
        """Write outcomes that could not be written before; what cannot be written for a day is a fault of ours."""
        unwritten, _ = self._log.settle_all(rest.chunk.outcomes, run.sending)
        if self._clock() - rest.chunk.accepted_at > self._validity:
            rest.failed = bool(unwritten)
        else:
            rest.outcomes += unwritten

    def _work(self, rest: _Rest, worker: str, run: _Run, tally: Tally) -> Iterator[_Work]:
        """What there is to do for each message of a chunk."""
        account = self._account(rest.chunk, tally)
        for message in rest.chunk.messages:
            if self._clock() - message.accepted_at > self._validity:
                yield _Work(rest, message, partial(self._delivery.expire, message, worker, run.sending))
            elif account is None:
                yield _Work(rest, message, partial(_NotBegun, message, outage=True))
            else:
                yield _Work(rest, message, partial(self._attempt, message, account, worker, run))

    def _account(self, chunk: Chunk, tally: Tally) -> Account | None:
        """A chunk's account; without one its messages wait, as long as they are valid."""
        try:
            return self._accounts.get(chunk.account)
        except AccountError as error:
            logger.error("messages wait for their account", account=chunk.account, reason=str(error))
            if not isinstance(error, AccountUnavailable):
                tally.add(chunk.account, "AccountMisconfigured")
            return None

    def _attempt(self, message: Message, account: Account, worker: str, run: _Run) -> Result | _NotBegun:
        breaker = self._breakers[account.id]
        if not breaker.admits():
            return _NotBegun(message, outage=True)
        if not (run.beginning.remaining() and run.unrecorded.acquire(timeout=run.beginning.remaining())):
            return _NotBegun(message, outage=False)
        result: Result | None = None
        try:
            result = self._delivery.attempt(message, account, worker, run.sending)
        finally:
            if not isinstance(result, Attempted):
                run.unrecorded.release()  # there is nothing to record
        if isinstance(result, Attempted):
            breaker.note(outage=result.outage)
        return result

    def _give_back(self, rests: Sequence[_Rest], end: Deadline) -> None:
        bodies = [(rest, body, delay) for rest in rests for chunk, delay in rest.chunks() for body, _ in encode(chunk)]
        results = self._queue.send([(body, delay) for _, body, delay in bodies], end)
        for (rest, _, _), queued in zip(bodies, results, strict=True):
            rest.failed |= queued is not Queued.YES


def _where(error: BaseException) -> str:
    """File and line where an error was raised."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
