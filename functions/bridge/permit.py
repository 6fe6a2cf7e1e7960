"""Leave to write a request to the vendor, which can be revoked as long as nothing was written."""

from __future__ import annotations

import threading


class Permit:
    """Leave to write a request, shared by the thread that writes it and the one that waits for the outcome.

    Either of them is first: once it is begun it cannot be revoked, and once it is revoked it is never begun.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = False
        self._revoked = False

    def begin(self) -> bool:
        """Whether the request may be written now; from then on it counts as written."""
        with self._lock:
            self._written = not self._revoked
            return self._written

    def revoke(self) -> bool:
        """Whether nothing was written, and now nothing ever will be."""
        with self._lock:
            self._revoked = not self._written
            return self._revoked

    def take_back(self) -> None:
        """What was written was surely not carried out, as its response says: it counts as not written."""
        with self._lock:
            self._written = False

    @property
    def written(self) -> bool:
        """Whether a request may have been written under it."""
        return self._written

    @property
    def revoked(self) -> bool:
        """Whether nothing may be written under it any more."""
        return self._revoked
