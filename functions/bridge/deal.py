"""Deals messages out to threads: accounts in turn, none beyond what its breaker and its throttle admit."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from bridge.breaker import Mode
from bridge.campaigns.control import State
from bridge.message import Cause, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bridge.allowance import Allowance, Reserved
    from bridge.breaker import Breaker
    from bridge.leftovers import Leftovers
    from bridge.message import Message, Outcome
    from bridge.send import Attempt, SendResult
    from bridge.throttle import Throttle
    from bridge.times import Deadline

_PERHAPS_SENT = (Status.SENT, Status.UNKNOWN)

MOST_RESERVED = 100
"""For how many messages something is reserved at once: as many as a chunk holds."""

LONGEST_WAIT_SECONDS = 5.0
"""A worker does not wait longer than this for an account whose vendor wants a pause: giving back costs less."""


@dataclass(slots=True, eq=False)
class Job:
    """One message to be processed. Without an `attempt` it is one for the log alone. `cancel` ends it unsent."""

    message: Message
    leftovers: Leftovers
    run: Callable[[], SendResult]
    attempt: Attempt | None = None
    cancel: Callable[[], SendResult] | None = None
    begun_at: float = 0.0
    held: bool = False
    """Whether a limit that a person has set has kept it back."""


@dataclass(slots=True, eq=False)
class Line:
    """Jobs of one account, in the order in which they are to be tried, with what holds them back.

    Without a `guard` they are for the log alone, and nothing does.
    """

    jobs: deque[Job]
    guard: Guard | None = None

    def wait(self) -> float | None:
        """Seconds until something may begin: 0.0: now; None: when something has ended; inf: not in this invocation."""
        if not self.jobs:
            return math.inf
        return self.guard.wait(self.jobs[0].message.segments) if self.guard else 0.0

    def begin(self) -> Job | None:
        """Take the next job; None: a probe is to be made first, or a reservation."""
        if self.guard is None:
            return self.jobs.popleft()
        parts = self.jobs[0].message.segments
        if self.guard.prepares(parts):
            self.guard.upcoming = [job.message.segments for job in islice(self.jobs, MOST_RESERVED)]
            self.guard.preparing = True
            return None
        job = self.jobs.popleft()
        job.begun_at = self.guard.begin(parts)
        job.held = self.guard.allowance is not None and self.guard.allowance.waited
        return job


@dataclass(slots=True, eq=False)
class Guard:
    """What holds back an account's messages: its breaker, its throttle, and where it has limits its allowance. `probe`
    asks whether the vendor works. `preparing`: somebody is at the probe, or reserves the parts of `upcoming` messages.
    """

    breaker: Breaker
    throttle: Throttle
    probe: Callable[[], bool]
    allowance: Allowance | None = None
    preparing: bool = False
    upcoming: Sequence[int] = ()

    def wait(self, parts: int) -> float | None:
        """As `Line.wait`, for a message of so many parts. What is admitted now has to begin."""
        if self.breaker.mode is Mode.NONE:
            return math.inf
        if self.preparing:
            return None
        if self.breaker.mode is Mode.PROBE:
            return 0.0
        wait = self._wait()
        if wait != 0.0 or self.prepares(parts) or self.breaker.take():
            return wait
        return None

    def _wait(self) -> float | None:
        """The longest that throttle or allowance ask for."""
        wait = self.throttle.wait()
        if wait is None or wait > LONGEST_WAIT_SECONDS:
            return wait and math.inf
        return max(wait, self.allowance.wait()) if self.allowance else wait

    def prepares(self, parts: int) -> bool:
        """Whether something has to be done before a message of so many parts may begin."""
        return self.breaker.mode is Mode.PROBE or (self.allowance is not None and self.allowance.lacks(parts))

    def begin(self, parts: int) -> float:
        """A message begins; returns the time for the throttle's `end`."""
        if self.allowance:
            self.allowance.begin(parts)
        return self.throttle.begin()

    def note(self, job: Job, outcome: Outcome | None) -> None:
        """What an attempt shows of the vendor; without an outcome (sent before, not claimed), or time, nothing."""
        too_many = outcome is not None and outcome.cause is Cause.RATE
        self.throttle.end(job.begun_at, too_many=too_many, retry_after=outcome.retry_after if outcome else None)
        if outcome and outcome.cause is not Cause.NO_TIME:
            in_doubt = outcome.status is Status.UNKNOWN
            self.breaker.note(job.message, outage=outcome.outage, in_doubt=in_doubt)
        else:
            self.breaker.give_back()
        if self.allowance and not (outcome and outcome.status in _PERHAPS_SENT):
            self.allowance.give_back(job.message.segments)

    def note_stuck(self, job: Job) -> None:
        """An attempt did not end in time: evidence of an outage, too."""
        self.throttle.end(job.begun_at)
        self.breaker.note(job.message, outage=True, in_doubt=job.attempt is not None and job.attempt.permit.written)

    def held_by(self) -> tuple[Cause, float]:
        """Why what is left was not begun, and in how many seconds to look again."""
        if self.breaker.mode is not Mode.ALL:
            return Cause.BREAKER, self.breaker.wait()
        if self.allowance and (held := self.allowance.held_by()):
            return held
        wait = self.throttle.wait() or 0.0
        return (Cause.RATE, wait) if wait else (Cause.NO_TIME, 0.0)


class Deal:
    """The jobs of one invocation."""

    def __init__(self, lines: Iterable[Line], beginning: Deadline, for_the_log: Line) -> None:
        """No job begins after `beginning`. `for_the_log`: which of the lines takes what is not to be sent."""
        self._lines = deque(lines)
        self._for_the_log = for_the_log
        self._beginning = beginning
        self._changed = threading.Condition()
        self._begun: dict[Job, Line] = {}
        self._stopped = False

    def take(self) -> tuple[Line, Job | None] | None:
        """Wait for something to do: a job, or (None) what an account's guard prepares. None at all: nothing is left to
        begin.
        """
        with self._changed:
            while self._lines and self._beginning.remaining():
                wait = self._beginning.remaining()
                for line in list(self._lines):
                    self._lines.rotate(-1)
                    until = line.wait()
                    if until == 0.0:
                        job = line.begin()
                        if job:
                            self._begun[job] = line
                        return line, job
                    if until == math.inf:
                        self._lines.remove(line)
                    elif until:
                        wait = min(wait, until)
                if self._lines:
                    self._changed.wait(min(wait, 1.0))
            return None

    def may_begin(self) -> bool:
        """Whether messages may begin yet."""
        with self._changed:
            return any(line.guard and line.jobs for line in self._lines)

    def withdraw(self, state_of: Callable[[Message], State]) -> list[Job]:
        """Go by what was decided meanwhile: of what has not begun, the stopped is to be cancelled, and the paused is
        taken out and returned.
        """
        paused: list[Job] = []
        with self._changed:
            for line in self._lines:
                if line.guard:
                    states = [(job, state_of(job.message)) for job in line.jobs]
                    line.jobs = deque(job for job, state in states if state is State.RUNNING)
                    paused += [job for job, state in states if state is State.PAUSED]
                    self._cancel([job for job, state in states if state is State.STOPPED])
            if self._for_the_log.jobs and self._for_the_log not in self._lines:
                self._lines.append(self._for_the_log)
            self._changed.notify_all()
        return paused

    def _cancel(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            assert job.cancel  # noqa: S101 - what was to be sent has it
            job.run, job.attempt = job.cancel, None
            self._for_the_log.jobs.append(job)

    def end(self, job: Job, outcome: Outcome | None) -> None:
        """A job has ended. After everything was closed that says nothing any more: breaker and throttle are at work
        for a later invocation.
        """
        with self._changed:
            line = self._begun.pop(job, None)
            if line and line.guard:
                line.guard.note(job, outcome)
            self._changed.notify_all()

    def end_probe(self, guard: Guard, *, works: bool) -> None:
        """A probe has ended; when everything is over nobody wants to know."""
        with self._changed:
            guard.preparing = False
            if not self._stopped:
                guard.breaker.note_probe(works=works)
            self._changed.notify_all()

    def end_reservation(self, guard: Guard, reserved: Reserved | None) -> None:
        """Something was reserved, or others have it; None: it could not even be asked for."""
        with self._changed:
            guard.preparing = False
            if guard.allowance and reserved:
                guard.allowance.take(reserved)
            elif guard.allowance:
                guard.allowance.give_up()
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing begins any more."""
        with self._changed:
            self._stopped = True
            self._lines.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Everything is over, whatever still runs."""
        self.stop()
        with self._changed:
            for job, line in self._begun.items():
                if line.guard:
                    line.guard.note_stuck(job)
            self._begun.clear()
