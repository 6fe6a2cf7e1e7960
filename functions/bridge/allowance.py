"""What one worker may send of an account whose rate or day is limited (`campaigns/schedule.py`, `daily_cap.py`).

It reserves what it can send soon, begins its messages evenly within its slot, and reserves again when that is over.
When others have all that is near it asks again a moment later; when that would take longer than to give the messages
back to the queue, it gives them back. While the table is silent it keeps the rate alone and counts nothing.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge import times
from bridge.campaigns.control import announce
from bridge.campaigns.daily_cap import CapReached, Grant
from bridge.campaigns.schedule import Slot
from bridge.errors import LogUnavailable
from bridge.message import Cause
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.account import Account
    from bridge.campaigns.daily_cap import DailyCaps
    from bridge.campaigns.schedule import RateSchedule
    from bridge.steering import Steering
    from bridge.telemetry import InvocationMetrics

SLOT_SECONDS = 1.0
"""How much of a schedule a worker reserves at once."""

NEAR_SECONDS = 2.0
"""How far off a slot may be that is reserved for a batch. So long a single message may have to wait behind batches."""

SINGLE_NEAR_SECONDS = 3.5
"""The same for single messages, which so have the first say."""

PATIENCE_SECONDS = 2.5
"""How long a worker without a slot goes on asking for one. To give its messages back and take them again costs as
much."""

LATE_SECONDS = 1.0
"""How long after its end a slot may still be used: a worker that was held up must not catch up on more."""

ASK_SECONDS = 0.25
"""Up to so much later, by chance, workers ask again: not all at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What all allowances of a worker reserve from. `clock` gives epoch seconds."""

    schedule: RateSchedule
    caps: DailyCaps
    steering: Steering
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Reserved:
    """What was reserved, as far as it was lacking."""

    slot: Slot | None = None
    grant: Grant | None = None
    reached: CapReached | None = None


class Allowance:
    """Of one account in one invocation. Not thread-safe: `Deal` guards it. Only `reserve` and `finish` call the table,
    and `reserve` changes nothing here.
    """

    def __init__(self, account: Account, limits: Limits, *, single: bool) -> None:
        """`single`: for messages that somebody waits for."""
        self._account = account
        self._limits = limits
        self._rate = account.parts_per_second or 0.0
        self._near = SINGLE_NEAR_SECONDS if single else NEAR_SECONDS
        self._active_at = limits.clock()
        self._ask_at = 0.0
        self._next_at = 0.0
        self._void_at = 0.0
        self._parts = 0  # left of the slot
        self._of_day = 0  # left of what was reserved of the day
        self._grants: list[Grant] = []
        self._reached: CapReached | None = None
        self._given_up = False
        self.waited = False
        """Whether some message had to wait for it."""

    def wait(self) -> float:
        """Seconds until the next message may begin, or until it is worth reserving; inf: not in this invocation."""
        wait = self._wait()
        self.waited |= wait > 0
        return wait

    def _wait(self) -> float:
        if self._reached or self._given_up:
            return math.inf
        now = self._limits.clock()
        if self._has_slot(now):
            return max(0.0, self._next_at - now)
        return math.inf if self._ask_at > max(now, self._active_at + PATIENCE_SECONDS) else max(0.0, self._ask_at - now)

    def lacks(self, parts: int) -> bool:
        """Whether something has to be reserved before a message of so many parts may begin."""
        slot = self._parts if self._has_slot(self._limits.clock()) else 0
        return bool((self._rate and slot < parts) or (self._account.parts_per_day and self._of_day < parts))

    def reserve(self, upcoming: Sequence[int]) -> Reserved:
        """Reserve for the messages that are next, whose parts these are."""
        try:
            grant = self._reserve_day(upcoming) if self._account.parts_per_day else None
        except CapReached as reached:
            return Reserved(reached=reached)
        return Reserved(self._reserve_slot(upcoming) if self._rate else None, grant)

    def take(self, reserved: Reserved) -> None:
        """Use what was reserved."""
        self._reached = reserved.reached
        if reserved.grant:
            self._grants.append(reserved.grant)
            self._of_day += reserved.grant.parts
        if slot := reserved.slot:
            self._parts, self._next_at, self._void_at = slot.parts, slot.begin, slot.end + LATE_SECONDS
            self._ask_at = 0.0 if slot.parts else slot.begin + ASK_SECONDS * random.random()  # noqa: S311 - jitter

    def give_up(self) -> None:
        """Nothing more begins in this invocation."""
        self._given_up = True

    def begin(self, parts: int) -> None:
        """A message begins."""
        self._active_at = self._limits.clock()
        self._parts -= parts
        self._of_day -= parts
        if self._rate:
            self._next_at += parts / self._rate

    def give_back(self, parts: int) -> None:
        """A message was surely not sent: of the day it took nothing."""
        self._of_day += parts

    def held_by(self) -> tuple[Cause, float] | None:
        """Why what is left did not begin, and in how many seconds to look again; None: for another reason."""
        if self._reached:
            return Cause.PAUSED, 0.0
        if self._given_up:  # at once it would fail again, and the chunk go round and round
            return Cause.NO_TIME, times.FIRST_RETRY_SECONDS
        wait = self._ask_at - self._limits.clock()
        return (Cause.ACCOUNT_RATE, wait) if wait > 0 else None

    def finish(self, metrics: InvocationMetrics, *, may_call: bool) -> None:
        """The invocation ends: what happened is told, and what was reserved of the day and not sent is given back, if
        there is time for a call.
        """
        if any(grant.almost for grant in self._grants):
            logger.warning("four fifths of the daily cap are used", account=self._account.id)
            metrics.add(self._account.id, "DailyCapAlmostReached")
        if self._reached:
            self._tell(self._reached, metrics)
        if self._given_up:
            metrics.add(self._account.id, "Faults")
        counted = [grant for grant in self._grants if grant.day]
        uncounted = sum(grant.parts for grant in self._grants if not grant.day)
        unsent = self._of_day - uncounted  # at least so many of those that were counted
        if may_call and self._account.parts_per_day and unsent > 0 and counted:
            self._give_back_day(counted[-1], unsent)

    def _has_slot(self, now: float) -> bool:
        return self._parts > 0 and now < self._void_at

    def _tell(self, reached: CapReached, metrics: InvocationMetrics) -> None:
        if reached.first:
            logger.error("daily cap reached: the account is paused until its next day", account=self._account.id)
            metrics.add(self._account.id, "DailyCapReached")
            announce(reached.key, reached.control, metrics)

    def _reserve_day(self, upcoming: Sequence[int]) -> Grant | None:
        if self._of_day >= upcoming[0]:
            return None
        try:
            return self._limits.caps.reserve(self._account, sum(upcoming), upcoming[0])
        except CapReached as reached:
            self._limits.steering.note(reached.key, reached.control)
            raise
        except LogUnavailable as error:
            self._say_alone(error)
            return Grant(None, sum(upcoming))

    def _reserve_slot(self, upcoming: Sequence[int]) -> Slot | None:
        now = self._limits.clock()
        if self._has_slot(now) and self._parts >= upcoming[0]:
            return None
        parts = 0
        for more in upcoming:
            if parts >= self._rate * SLOT_SECONDS:
                break
            parts += more
        try:
            return self._limits.schedule.reserve(self._account.id, parts, self._rate, self._near)
        except LogUnavailable as error:
            self._say_alone(error)
            return Slot.at(max(now, self._next_at), parts, self._rate)

    def _give_back_day(self, grant: Grant, parts: int) -> None:
        try:
            self._limits.caps.give_back(grant, parts)
        except LogUnavailable as error:
            logger.warning(
                "unsent parts not given back: the daily cap counts them as sent",
                account=self._account.id,
                reason=str(error),
            )

    def _say_alone(self, error: LogUnavailable) -> None:
        account = self._account.id
        logger.warning(
            "rate and daily cap cannot be reserved: this worker keeps the rate by itself",
            account=account,
            reason=str(error),
        )
