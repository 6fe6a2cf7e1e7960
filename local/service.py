"""What is started and stopped: servers, AWS, the bridge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class Service(ABC):
    """Runs between `start()` and `stop()`; a `with` block calls both."""

    @abstractmethod
    def start(self) -> Self:
        """Start, and return when it runs."""

    @abstractmethod
    def stop(self) -> None:
        """Stop. Does nothing when it is not running."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
