"""Stops sending while the vendor fails for everybody: a vendor that hangs must not leave a campaign in doubt."""

from __future__ import annotations

import threading

THRESHOLD = 10  # failures in a row


class Breaker:
    """Trips when so many attempts in a row failed for reasons that hold for the next message as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._probing = False

    @property
    def tripped(self) -> bool:
        """Whether no message should be tried, but for a probe."""
        return self._failures >= THRESHOLD

    def admits(self) -> bool:
        """Whether a message may be tried now."""
        with self._lock:
            probing, self._probing = self._probing, False
            return probing or not self.tripped

    def note(self, *, outage: bool) -> None:
        """One attempt has ended."""
        with self._lock:
            self._failures = self._failures + 1 if outage else 0

    def trip(self) -> None:
        """Stop now."""
        with self._lock:
            self._failures = THRESHOLD

    def probe(self) -> None:
        """Admit one message, to find out whether the vendor takes messages again."""
        with self._lock:
            self._probing = True
