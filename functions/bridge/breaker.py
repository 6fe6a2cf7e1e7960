"""Stops sending while the vendor fails for everybody: a vendor that hangs must not leave a campaign in doubt."""

from __future__ import annotations

import threading

THRESHOLD = 10  # failures in a row


class Breaker:
    """Trips when so many attempts in a row failed for reasons that hold for the next message as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0

    @property
    def tripped(self) -> bool:
        """Whether no further message should be tried now."""
        return self._failures >= THRESHOLD

    def note(self, *, outage: bool) -> None:
        """One attempt has ended."""
        with self._lock:
            self._failures = self._failures + 1 if outage else 0

    def trip(self) -> None:
        """Stop now."""
        with self._lock:
            self._failures = THRESHOLD
