"""A thread that does the same thing again and again until it is stopped: what all pollers are."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

logger = logging.getLogger(__name__)

# Seconds between two looks at something that was empty. Lambda looks at streams four times a second.
PAUSE = 0.25


class Poller(ABC):
    """Calls `poll` until `stop`. A failure of `poll` is shown, and it goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def poll(self) -> bool:
        """Do one round; whether there was something to do."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop; `join` waits for the end."""
        self.stopping.set()

    def join(self) -> None:
        """Wait until the round it is in is over."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                found = self.poll()
            except Exception:
                # Another poller may have been stopped first, and AWS with it: then this is no news.
                if not self.stopping.is_set():
                    logger.exception("%s failed", self.name)
                found = False
            if not found:
                self.stopping.wait(PAUSE)
