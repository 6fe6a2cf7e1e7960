"""A thread that polls something until it is stopped."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

logger = logging.getLogger(__name__)

# Seconds until something that was empty is polled again. Lambda polls streams four times a second.
PAUSE = 0.25


class Poller(ABC):
    """Calls `poll` until `stop`. A failure of `poll` is logged, and polling goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def poll(self) -> bool:
        """Do one round; True when there was something to do."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop; `join` waits for the end."""
        self.stopping.set()

    def join(self) -> None:
        """Wait for the end of the current round."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                found = self.poll()
            except Exception:
                # While everything stops, AWS may have stopped first: then a failure is expected.
                if not self.stopping.is_set():
                    logger.exception("%s failed", self.name)
                found = False
            if not found:
                self.stopping.wait(PAUSE)
