"""How many messages of an account one worker has at the vendor at once: what 429 (too many requests) teaches it.

A rate is no outage: nothing stops. Each 429 takes a third away, at most once for what was begun before, and half a
second without one gives a tenth back. Below one message at a time the worker waits between two: at a limit of a half,
as long as the last one took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LESS, MORE = 0.7, 1.1
MORE_AFTER_SECONDS = 0.5
LEAST = 1 / 256
LONGEST_PAUSE_SECONDS = 15.0


class Throttle:
    """One account's limit in one worker. Not thread-safe: `Deal` guards it."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """`most` at once where the vendor does not mind; `clock` in seconds."""
        self._most = float(most)
        self._clock = clock
        self.limit = self._most
        self._out = 0
        self._next_at = 0.0
        self._lowered_at = 0.0
        self._raise_at = 0.0

    def wait(self) -> float | None:
        """Seconds until the next message may begin: 0.0 is now; None: when one of those under way has ended."""
        if self._out >= max(1.0, self.limit):
            return None
        return max(0.0, self._next_at - self._clock())

    def begin(self) -> float:
        """A message begins; returns the time for `end`."""
        self._out += 1
        return self._clock()

    def end(self, begun_at: float, *, too_many: bool = False, retry_after: float | None = None) -> None:
        """A message has ended; with `too_many` the vendor wants fewer, and nothing for `retry_after` seconds."""
        now = self._clock()
        self._out -= 1
        if too_many:
            self._lower(begun_at, now)
            if retry_after:
                self._pause(now, retry_after)
        elif self.limit < self._most and now >= self._raise_at:
            self.limit = min(self._most, self.limit * MORE)
            self._raise_at = now + MORE_AFTER_SECONDS
        if self.limit < 1:
            self._pause(now, (now - begun_at) * (1 / self.limit - 1))

    def _pause(self, now: float, seconds: float) -> None:
        self._next_at = max(self._next_at, now + min(LONGEST_PAUSE_SECONDS, seconds))

    def _lower(self, begun_at: float, now: float) -> None:
        self._raise_at = now + MORE_AFTER_SECONDS
        if begun_at >= self._lowered_at:
            self.limit = max(LEAST, min(self.limit, self._out + 1) * LESS)
            self._lowered_at = now
