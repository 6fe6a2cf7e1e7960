"""What goes wrong with the next calls of a neighbour, above all the answers that leave it open what happened."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bridge.errors import AwsRefused, AwsSilent, AwsUnreached

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Crash(BaseException):
    """The worker's end at some line: nothing of ours catches it."""


def client_error(code: str, status: int = 400, **answer: Any) -> AwsRefused:
    """An error that AWS answered with."""
    return AwsRefused(code, status, {"__type": code, "message": "…", **answer})


@dataclass(frozen=True)
class Fault:
    """How a call fails; `applied` when it took effect anyway."""

    name: str
    error: Callable[[], BaseException]
    applied: bool = False

    def __repr__(self) -> str:
        return self.name


UNREACHED = Fault("UNREACHED", lambda: AwsUnreached("ConnectionRefusedError"))
CONNECT_TIMEOUT = Fault("CONNECT_TIMEOUT", lambda: AwsUnreached("TimeoutError"))
LOST_BEFORE = Fault("LOST_BEFORE", lambda: AwsSilent("TimeoutError"))
LOST_AFTER = Fault("LOST_AFTER", lambda: AwsSilent("TimeoutError"), applied=True)
THROTTLED = Fault("THROTTLED", lambda: client_error("ThrottlingException"))
DENIED = Fault("DENIED", lambda: client_error("AccessDeniedException"))
BROKEN_BEFORE = Fault("BROKEN_BEFORE", lambda: client_error("InternalServerError", 500))
BROKEN_AFTER = Fault("BROKEN_AFTER", lambda: client_error("InternalServerError", 500), applied=True)

TRIES = 3
"""How often the log puts a row, and the queue gives a chunk, before they say that there is no answer."""


def silence(fault: Fault) -> tuple[Fault, ...]:
    """The faults of one write of the log's that ends without an answer, though it was tried again."""
    return (DENIED,) if fault is DENIED else (fault, *[UNREACHED] * (TRIES - 1))


NOT_APPLIED = (UNREACHED, CONNECT_TIMEOUT, LOST_BEFORE, THROTTLED, DENIED, BROKEN_BEFORE)
APPLIED = (LOST_AFTER, BROKEN_AFTER)


class Neighbour:
    """Counts its calls and fails as told. Thread-safe: each call happens as one."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.calls: dict[str, int] = defaultdict(int)
        self._next: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self.around: Callable[[str], None] = lambda _point: None
        """Called before and after each call, outside the lock; may raise."""

    def fail(self, operation: str, *faults: Fault | None) -> None:
        """The next calls of an operation fail like this; None lets one pass."""
        self._next[operation].extend(faults)

    def down(self, operation: str, fault: Fault | None) -> None:
        """From now on every call of an operation fails; None ends it."""
        self._always.pop(operation, None)
        if fault:
            self._always[operation] = fault

    def heal(self) -> None:
        """Nothing fails any more."""
        self._next.clear()
        self._always.clear()

    def _call(self, operation: str, effect: Callable[[], T]) -> T:
        self.around(f"before {operation}")
        try:
            with self.lock:
                self.calls[operation] += 1
                planned = self._next[operation]
                fault = planned.popleft() if planned else self._always.get(operation)
                if fault is None:
                    return effect()
                if fault.applied:
                    with suppress(AwsRefused):  # this answer is lost, too
                        effect()
                raise fault.error()
        finally:
            self.around(f"after {operation}")
