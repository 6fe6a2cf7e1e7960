"""Points in time, waits and deadlines: pure functions; clocks and randomness come in as arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_RETRY_SECONDS = 15
LONGEST_DELAY_SECONDS = 900  # SQS delays a message by 15 minutes at most


def iso(epoch: float) -> str:
    """Epoch seconds as ISO-8601 UTC with milliseconds, which sorts as text and reads well in the console."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch(text: str) -> float:
    """The epoch seconds of what `iso` wrote.

    Raises:
        ValueError: the text is not an ISO-8601 time.
    """
    return datetime.fromisoformat(text).timestamp()


def backoff(attempts: int, fraction: float) -> int:
    """Seconds to wait after the given number of failed attempts: 15 s, doubling up to 15 minutes, jittered.

    `fraction` is a random number in [0, 1): the wait lies between half of the full delay and all of it,
    so that chunks which failed together do not come back together.
    """
    full = min(LONGEST_DELAY_SECONDS, FIRST_RETRY_SECONDS << min(attempts - 1, 10))
    return round(full * (1 + fraction) / 2)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which something has to be over, in seconds on its clock: a monotonic one in an invocation."""

    at: float
    clock: Callable[[], float]

    @classmethod
    def within(cls, seconds: float, clock: Callable[[], float]) -> Deadline:
        """The deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Seconds left; never below zero."""
        return max(0.0, self.at - self.clock())

    def before(self, seconds: float) -> Deadline:
        """The deadline that many seconds before this one."""
        return replace(self, at=self.at - seconds)

    def allows(self, seconds: float) -> bool:
        """Whether something that may take so many seconds can still be started."""
        return self.remaining() >= seconds
