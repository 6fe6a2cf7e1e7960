"""The engine that sends: its parts, and what it keeps from one invocation to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.breaker import Breaker
from bridge.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.campaigns.shared_breaker import SharedBreaker
    from bridge.log.log import Log
    from bridge.message_central.client import MessageCentral
    from bridge.send import Sender


class Engine:
    """Of one execution environment. Breakers and throttles by account outlive an invocation."""

    def __init__(
        self,
        sender: Sender,
        vendor: MessageCentral,
        log: Log,
        shared: SharedBreaker,
        *,
        concurrency: int,
        failures: int,
        clock: Callable[[], float],
    ) -> None:
        """`concurrency` messages are at the vendor at once; so many `failures` in a row open a breaker."""
        self.sender = sender
        self.vendor = vendor
        self.log = log
        self.concurrency = concurrency
        self._shared = shared
        self._failures = failures
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._throttles: dict[str, Throttle] = {}

    def breaker(self, account: str) -> Breaker:
        """An account's breaker."""
        if account not in self._breakers:
            self._breakers[account] = Breaker(account, self._shared, self._failures, self._clock)
        return self._breakers[account]

    def throttle(self, account: str) -> Throttle:
        """An account's throttle."""
        if account not in self._throttles:
            self._throttles[account] = Throttle(self.concurrency, self._clock)
        return self._throttles[account]
