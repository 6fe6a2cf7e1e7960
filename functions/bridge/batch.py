"""Processes messages over threads, one or a thousand. The threads send; the thread that waits for them collects what
comes of it, and has it finished (`finish.py`).

A worker that dies leaves in doubt as many messages as it has threads, and one batch of outcomes.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from bridge import times
from bridge.aws import CALL_SECONDS
from bridge.breaker import Mode
from bridge.campaigns.control import State
from bridge.chunk import Lane
from bridge.deal import Deal, Guard, Job, Line
from bridge.finish import Finisher
from bridge.message import Cause, Status
from bridge.send import STOPPED, Attempt, Ending, SendResult
from bridge.steering import keys_of
from bridge.telemetry import fault_of, logger
from bridge.times import Deadline
from bridge.worker_time import WorkerTime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.account import Account
    from bridge.allowance import Allowance, Reserved
    from bridge.campaigns.table import Key
    from bridge.engine import Engine
    from bridge.invocation import Invocation
    from bridge.leftovers import Leftovers
    from bridge.message import Message, Outcome

LOOK_SECONDS = 2.0
"""How often a worker that sends looks whether somebody has paused or stopped what it sends."""

_FOR_THE_LOG = ""  # the line of what is not sent, beside those of the accounts

GRACE_SECONDS = 0.3
"""How much longer than its deadline a call is waited for."""


class Batch:
    """The messages of one invocation."""

    def __init__(self, engine: Engine, invocation: Invocation, *, waited_for: bool = False) -> None:
        """`waited_for`: CleverTap waits for what becomes of the message, and is told of a rejection by the answer."""
        self._waited_for = waited_for
        self._engine = engine
        self._invocation = invocation
        self._time = WorkerTime(invocation.deadline)
        self._finisher = Finisher(engine, invocation.metrics, self._time, waited_for=waited_for)
        self.sending = self._time.sending
        """By when all calls to the vendor have ended."""
        self._lines: dict[str, list[Job]] = defaultdict(list)
        self._unfinished: dict[Job, None] = {}
        self._ended: SimpleQueue[tuple[Job, SendResult | BaseException] | None] = SimpleQueue()
        self._looked = threading.Event()
        self._looking: threading.Thread | None = None
        self._keys: Sequence[Key] = ()
        self._look_by = Deadline.within(LOOK_SECONDS, invocation.deadline.clock)

    @property
    def results(self) -> list[SendResult]:
        """Of all messages, in the order in which they ended."""
        return self._finisher.results

    def add(self, message: Message, account: Account | None, leftovers: Leftovers) -> float:
        """Add a message: it is sent unless it was stopped, is paused, its account cannot be used (None), or it is
        promotional and outside its hours. Returns the seconds until those hours; 0.0 where they hold nothing.
        """
        state = self._engine.steering.state_of(message)
        if state is State.STOPPED:
            self.end(message, leftovers, STOPPED)
        elif state is State.PAUSED:
            self.postpone(message, leftovers, Cause.PAUSED)
        elif account is None:
            self.postpone(message, leftovers, Cause.ACCOUNT)
        elif wait := account.promotional_wait(message, self._engine.clock(), self.sending.remaining()):
            self.postpone(message, leftovers, Cause.HOURS, wait)
            return wait
        else:
            self.send(message, account, leftovers)
        return 0.0

    def send(self, message: Message, account: Account, leftovers: Leftovers) -> None:
        """Add a message that is to be sent."""
        attempt = Attempt.by(self._invocation.id, message, account)
        run = partial(self._engine.sender.send, attempt, self.sending)
        self._lines[account.id].append(Job(message, leftovers, run, attempt, self._ending(message, STOPPED)))

    def end(self, message: Message, leftovers: Leftovers, outcome: Outcome) -> None:
        """Add a message that is not to be sent, and ends so."""
        self._lines[_FOR_THE_LOG].append(Job(message, leftovers, self._ending(message, outcome)))

    def postpone(self, message: Message, leftovers: Leftovers, cause: Cause, wait: float = 0.0) -> None:
        """Have a message wait that cannot be tried now."""
        self._finisher.finish(leftovers, SendResult(Ending.NOT_ATTEMPTED, message, cause=cause, busy_for=wait))

    def run(self) -> None:
        """Process it all, as far as time allows."""
        for_the_log = Line(deque(self._lines.pop(_FOR_THE_LOG, ())))
        lines = [Line(self._in_order(jobs), self._guard(jobs[0])) for jobs in self._lines.values()] + [for_the_log]
        self._unfinished = {job: None for line in lines for job in line.jobs}
        self._keys = keys_of(job.message for job in self._unfinished if job.attempt)
        deal = Deal(lines, self._time.beginning, for_the_log)
        try:
            self._collect(deal, self._start(deal, min(self._engine.concurrency, len(self._unfinished))))
            deal.stop()
            for line in lines:
                self._leave(line)
            self._collect_late()
        finally:
            deal.close()  # else the threads would go on sending for a worker that has failed
        for line in lines:
            if line.guard:
                line.guard.breaker.finish(may_call=self._may_call(waiting=True))
                if line.guard.allowance:
                    may_call = self._may_call(waiting=True)
                    line.guard.allowance.finish(self._invocation.metrics, may_call=may_call)

    def _start(self, deal: Deal, threads: int) -> int:
        """Start threads that send: so many, or as many as there can be. Returns how many.

        Raises:
            RuntimeError: not one; SQS delivers the messages again when others have had time to end.
        """
        for started in range(threads):
            try:
                # Daemons: a name look-up that hangs cannot be ended, and must not keep the process.
                threading.Thread(target=self._work, args=(deal,), daemon=True).start()
            except RuntimeError as error:
                if not started:
                    raise
                logger.warning("no more threads: fewer send, as many as there are", threads=started, reason=str(error))
                return started
        return threads

    @staticmethod
    def _in_order(jobs: Sequence[Job]) -> deque[Job]:
        """The fewest attempts first: where few may be tried, it is not the message that failed before."""
        return deque(sorted(jobs, key=lambda job: job.message.attempts))

    def _ending(self, message: Message, outcome: Outcome) -> Callable[[], SendResult]:
        end, reported = self._engine.sender.end, not self._waited_for
        return partial(end, message, outcome, self._invocation.id, self.sending, report=reported)

    def _guard(self, job: Job) -> Guard:
        assert job.attempt  # noqa: S101 - what is sent has one
        account = job.attempt.account
        probe = partial(self._engine.vendor.probe, account, self.sending)
        allowance = self._engine.allowance(account, single=job.leftovers.chunk.lane is Lane.SINGLE)
        return Guard(self._engine.breaker(account.id), self._engine.throttle(account.id), probe, allowance)

    # ── In the threads ────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self, deal: Deal) -> None:
        try:
            while taken := deal.take():
                line, job = taken
                if job:
                    result = self._try(job)
                    deal.end(job, _shown_by(result))
                    self._ended.put((job, result))
                elif line.guard:
                    self._prepare(deal, line.guard)
        finally:
            self._ended.put(None)

    def _prepare(self, deal: Deal, guard: Guard) -> None:
        """Do what has to be done before the next message of an account may begin."""
        if guard.breaker.mode is Mode.PROBE:
            deal.end_probe(guard, works=self._probe(guard))
        elif guard.allowance:
            deal.end_reservation(guard, self._reserve(guard.allowance, guard.upcoming))

    @staticmethod
    def _reserve(allowance: Allowance, upcoming: Sequence[int]) -> Reserved | None:
        """Reserve; None where a fault of ours keeps it from that, and the messages wait for another worker."""
        try:
            return allowance.reserve(upcoming)
        except Exception as error:  # noqa: BLE001 - as with the probe
            logger.error("reservation failed by a fault of ours: its messages are tried again", **fault_of(error))
            return None

    @staticmethod
    def _probe(guard: Guard) -> bool:
        try:
            return guard.probe()
        except Exception as error:  # noqa: BLE001 - a fault of ours; the threads that wait for it must not wait for ever
            logger.error("probe failed by a fault of ours: messages wait for the next one", **fault_of(error))
            return False

    def _try(self, job: Job) -> SendResult | BaseException:
        if not self._finisher.reserve():
            return SendResult(Ending.NOT_ATTEMPTED, job.message, cause=Cause.LOG)
        result: SendResult | BaseException
        try:
            result = self._run(job)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            result = error
        if not (isinstance(result, SendResult) and result.ending is Ending.ATTEMPTED):
            self._finisher.release()
        return result

    def _run(self, job: Job) -> SendResult:
        """Do it, unless somebody has decided otherwise since it was dealt out."""
        state = self._engine.steering.state_of(job.message) if job.cancel else State.RUNNING
        if state is State.STOPPED and job.cancel:
            return job.cancel()
        if state is State.PAUSED:
            return SendResult(Ending.NOT_ATTEMPTED, job.message, cause=Cause.PAUSED)
        return job.run()

    def _look(self, keys: Sequence[Key]) -> None:
        """Look what was decided meanwhile. In a thread of its own: a table that is slow must delay nothing."""
        if self._engine.steering.look(keys) is not None:
            self._looked.set()

    # ── In the thread that waits ──────────────────────────────────────────────────────────────────────────────────

    def _collect(self, deal: Deal, threads: int) -> None:
        """Take results as they come in, until all threads have ended or time is over."""
        while threads and self.sending.remaining():
            self._watch(deal)
            timeout = self._finisher.flush_in()
            try:
                ended = self._ended.get(timeout=min(timeout, self.sending.remaining()))
            except Empty:
                self._finisher.flush()
                continue
            threads -= ended is None
            self._take(ended)
            if not timeout:
                self._finisher.flush()

    def _watch(self, deal: Deal) -> None:
        """Go by what was decided, and have somebody look again when it is time."""
        if self._looked.is_set():
            self._looked.clear()
            for job in deal.withdraw(self._engine.steering.state_of):
                self._unfinished.pop(job)
                self.postpone(job.message, job.leftovers, Cause.PAUSED)
        if self._look_by.remaining() or (self._looking and self._looking.is_alive()) or not deal.may_begin():
            return
        self._look_by = Deadline.within(LOOK_SECONDS, self._look_by.clock)
        self._looking = threading.Thread(target=self._look, args=(self._keys,), daemon=True)
        with suppress(RuntimeError):  # no more threads: it looks the next time
            self._looking.start()

    def _leave(self, line: Line) -> None:
        """What of a line was not begun waits."""
        cause, wait = line.guard.held_by() if line.guard else (Cause.NO_TIME, 0.0)
        for job in line.jobs:
            self._unfinished.pop(job)
            self.postpone(job.message, job.leftovers, cause, wait)

    def _collect_late(self) -> None:
        """What is under way when time is over. A call ends by its deadline: what has not ended soon after is stuck."""
        self._take_until(self.sending.before(-GRACE_SECONDS))
        for job in list(self._unfinished):
            self._end(job, self._given_up(job))
        self._finisher.flush()

    def _given_up(self, job: Job) -> SendResult:
        if job.attempt is None:
            return SendResult(Ending.NOT_ATTEMPTED, job.message, cause=Cause.NO_TIME)
        # Where it may be sent at this moment, somebody looks again once this worker is surely over.
        busy = self._invocation.deadline.remaining() + times.FIRST_RETRY_SECONDS
        return job.attempt.revoke() or SendResult(Ending.IN_FLIGHT, job.message, busy_for=busy)

    def _take_until(self, deadline: Deadline) -> None:
        while self._unfinished:  # what is there already is taken even when time is over
            try:
                self._take(self._ended.get(timeout=deadline.remaining()))
            except Empty:
                return

    def _take(self, ended: tuple[Job, SendResult | BaseException] | None) -> None:
        if ended is None:
            return
        job, result = ended
        if isinstance(result, SendResult):
            self._end(job, result)
        elif isinstance(result, Exception):
            # A fault of ours: the chunk comes again, and in the end to the dead letters.
            logger.error("a message failed: its chunk is retried, then dead-lettered", **fault_of(result))
            self._invocation.metrics.add(job.message.account, "Faults")
            job.leftovers.failed = True
            self._end(job, SendResult(Ending.IN_FLIGHT, job.message, busy_for=times.FIRST_RETRY_SECONDS))
        else:
            raise result

    def _end(self, job: Job, result: SendResult) -> None:
        self._unfinished.pop(job, None)
        self._measure(job, result)
        self._finisher.finish(job.leftovers, result)
        if job.attempt and self._may_call(waiting=bool(job.leftovers.messages)):
            self._engine.breaker(job.attempt.account.id).publish()

    def _may_call(self, *, waiting: bool) -> bool:
        """Whether there is time to tell the other workers something, and to queue what is `waiting` afterwards."""
        return self._invocation.deadline.allows((1 + waiting) * CALL_SECONDS)

    def _measure(self, job: Job, result: SendResult) -> None:
        """How long it took until the vendor had a message; not where a person has had it wait."""
        if result.ending is not Ending.ATTEMPTED or (result.outcome and result.outcome.status is Status.RETRYING):
            return
        chunk = job.leftovers.chunk
        if not (job.held or chunk.held or job.message.resend):
            self._invocation.metrics.add_time_to_vendor(job.message.account, chunk.lane, result.waited)


def _shown_by(result: SendResult | BaseException) -> Outcome | None:
    """What an attempt shows of the vendor: its outcome. What was not attempted shows nothing."""
    return result.outcome if isinstance(result, SendResult) and result.ending is Ending.ATTEMPTED else None
