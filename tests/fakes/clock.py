"""A clock that stands until it is moved."""

from __future__ import annotations

from bridge.times import Deadline
from tests.fakes.values import START


class Clock:
    """Both kinds of time, epoch and monotonic: tests do not tell them apart."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self.ticks = 0.0
        """By how much each look at it moves it, for what waits for it to move."""

    def __call__(self) -> float:
        self.now += self.ticks
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        """The moment that many seconds from now."""
        return Deadline.within(seconds, self)
