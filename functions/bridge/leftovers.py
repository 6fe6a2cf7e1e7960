"""What is left of a chunk: the messages that have to wait, by how long, and the rows that could not be written."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bridge import times
from bridge.message import Cause
from bridge.telemetry import fault_of, logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.chunk import Chunk
    from bridge.log.row import Row
    from bridge.message import Message

# Seconds until messages are looked at again, by what kept them back. For every other cause the wait grows with the
# attempts, or the caller gives it.
DELAYS = {
    Cause.RATE: (1, 3),
    Cause.LOG: (15, 45),
    Cause.ACCOUNT: (30, 90),
    Cause.PAUSED: (30, 90),
    Cause.ACCOUNT_RATE: (2, 8),
}

HELD = frozenset({Cause.PAUSED, Cause.ACCOUNT_RATE, Cause.HOURS})
"""Causes that are a person's decision: what waits for them is not late."""


@dataclass(slots=True)
class Leftovers:
    """Of one chunk. `failed`: by a fault of ours; SQS delivers the chunk again, and in the end to the dead letters."""

    chunk: Chunk
    messages: dict[tuple[int, int, bool], list[Message]] = field(default_factory=lambda: defaultdict(list))
    """By (delay in seconds, attempts, whether a person has them wait)."""
    rows: list[Row] = field(default_factory=list)
    failed: bool = False
    fraction: float = field(default_factory=random.random)
    """The jitter of this chunk: what waits together comes back together."""

    def again(self, message: Message, delay: float) -> None:
        """Look at a message again after `delay` seconds; this was no attempt."""
        self._add(message, delay, self.chunk.attempts)

    def postpone(self, message: Message, cause: Cause, wait: float = 0.0) -> None:
        """Look at a message again that was not attempted, after what its cause asks for or `wait` seconds."""
        self._add(message, max(wait, self._delay(cause)), self.chunk.attempts, held=cause in HELD)

    def retry(self, message: Message, cause: Cause, wait: float | None = None) -> None:
        """Try a message again after the vendor's own delay, what its cause asks for, or one that grows with the
        chunk's attempts.
        """
        if wait is None:
            wait = self._delay(cause) if cause in DELAYS else times.backoff(self.chunk.attempts + 1, self.fraction)
        self._add(message, wait, self.chunk.attempts + 1)

    def waiting(self) -> list[Message]:
        """The messages that have to wait."""
        return [message for messages in self.messages.values() for message in messages]

    def chunks(self) -> list[tuple[Chunk, int]]:
        """What is left as new chunks, each with its delay in seconds.

        A chunk that failed is delivered again with all its messages: copies of them here would multiply.
        """
        again = [
            (replace(self.chunk, attempts=attempts, messages=messages, outcomes=(), held=held), delay)
            for (delay, attempts, held), messages in self.messages.items()
            if not self.failed
        ]
        if self.rows:
            attempts = self.chunk.attempts + 1
            wait = times.backoff(attempts, self.fraction)
            again.append((replace(self.chunk, attempts=attempts, messages=(), outcomes=self.rows), wait))
        return again

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Whatever goes wrong inside is a fault of ours, and harms this chunk alone."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - logged, and turned into a failed chunk
            logger.error("a chunk failed: delivered again, then dead-lettered", **fault_of(error))
            self.failed = True

    def _delay(self, cause: Cause) -> float:
        least, most = DELAYS.get(cause, (0, 0))
        return least + (most - least) * self.fraction

    def _add(self, message: Message, delay: float, attempts: int, *, held: bool = False) -> None:
        delay = min(times.LONGEST_DELAY_SECONDS, math.ceil(delay))
        self.messages[delay, attempts, held or self.chunk.held].append(message)
