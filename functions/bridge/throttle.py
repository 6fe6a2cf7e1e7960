"""How fast one worker gives an account's messages to the vendor: what 429 (too many requests) teaches it.

A rate is no outage: nothing stops. Until the first 429 there is no limit but the places. From then on messages begin
evenly, one interval apart: a bucket that holds few messages loses what comes unevenly. The first interval is that at
which the vendor had been getting them. Each 429 makes it longer, time without one shorter, slowly at first and faster
the longer it lasts: by 8 % in a second, to a third in five; where each 429 asks for a pause, more carefully. When it
is so short that it limits nothing it is forgotten.

`Retry-After: 1` asks for no pause but of the message that was refused. The header counts in seconds, so that is what a
vendor says that wants less than one; to stop the worker for each costs a third of the rate (docs/reliability.md).
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = math.inf
MOST, LEAST = 1_000.0, 1.0
"""Messages a second: above the one nothing is limited, below the other no vendor is expected."""

PART = 12
"""A 429 takes the twelfth part of the rate, and less where many messages are under way: they will say it again."""

GROWTH = 0.04
"""Of the rate's logarithm: in t seconds without a 429 it grows by GROWTH * t * (1 + t)."""

LONGEST_QUIET_SECONDS = 30.0
"""What longer times without a 429 count as: any rate has grown beyond MOST by then."""

CAUTION = 16.0
"""What asks for a pause stops the worker for as long: after each second of it the rate grows so many times slower."""

JITTER = 0.1
"""How much longer an interval may be, by chance: else two workers keep in step, and one always comes too soon."""

SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 15.0
"""Pauses that stop the worker. What is shorter is the refused message's alone; of what is longer it keeps so much."""


class Throttle:
    """One account's rate in one worker. Not thread-safe: `Deal` guards it."""

    def __init__(self, places: int, clock: Callable[[], float], fraction: Callable[[], float] = random.random) -> None:
        """So many `places` for messages that are under way; `clock` in seconds; `fraction` by chance, in [0, 1)."""
        self._places = places
        self._clock = clock
        self._fraction = fraction
        self.rate = UNLIMITED
        """Messages a second that may begin."""
        self._out = 0
        self._next_at = 0.0  # 0.0: at once
        self._lowered_to = UNLIMITED
        self._quiet_since = 0.0
        self._pause = 0.0  # what the last 429 cost

    def wait(self) -> float | None:
        """Seconds until the next message may begin: 0.0 is now; None: when one of those under way has ended."""
        if self._out >= self._places:
            return None
        return max(0.0, self._next_at - self._clock()) if self._next_at else 0.0

    def begin(self) -> float:
        """A message begins; returns the time for `end`."""
        self._out += 1
        now = self._clock()
        if self.rate == UNLIMITED:
            self._next_at = 0.0
        else:
            self._quiet_since += max(0.0, now - self._next_at)  # nobody was held back: that tells nothing of the rate
            self._next_at = max(self._next_at, now + (1 + JITTER * self._fraction()) / self.rate)
        return now

    def end(self, begun_at: float, *, too_many: bool = False, retry_after: float | None = None) -> None:
        """A message has ended; with `too_many` the vendor wants fewer, and nothing for `retry_after` seconds."""
        self._out -= 1
        if too_many:
            pause = min(LONGEST_PAUSE_SECONDS, retry_after or 0.0)
            self._lower(begun_at, pause if pause >= SHORTEST_PAUSE_SECONDS else 0.0)
        elif self.rate != UNLIMITED:
            self._raise()

    def _lower(self, begun_at: float, pause: float) -> None:
        now = self._clock()
        if self.rate == UNLIMITED:
            self.rate = min(MOST, (self._out + 1) / max(1 / MOST, now - begun_at))
        self.rate = self._lowered_to = max(LEAST, self.rate * (1 - 1 / (PART + 2 * self._out)))
        self._next_at = max(self._next_at, now + pause)
        self._pause = pause
        self._quiet_since = self._next_at

    def _raise(self) -> None:
        quiet = max(0.0, self._clock() - self._quiet_since) / (1 + CAUTION * self._pause)
        quiet = min(LONGEST_QUIET_SECONDS, quiet)
        self.rate = self._lowered_to * math.exp(GROWTH * quiet * (1 + quiet))
        if self.rate > MOST:
            self.rate = UNLIMITED
