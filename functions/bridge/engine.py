"""The engine that sends: its parts, and what it keeps from one invocation to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.breaker import Breaker
from bridge.campaigns.keys import WHOLE_ACCOUNT
from bridge.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.account import Account
    from bridge.allowance import Allowance
    from bridge.campaigns.shared_breaker import SharedBreaker
    from bridge.campaigns.table import Key
    from bridge.send import Sender
    from bridge.steering import Steering


class Engine:
    """Of one execution environment. Breakers and throttles by account outlive an invocation."""

    def __init__(
        self,
        sender: Sender,
        shared: SharedBreaker,
        steering: Steering,
        *,
        allowance: Callable[..., Allowance],
        concurrency: int,
        failures: int,
        clock: Callable[[], float],
    ) -> None:
        """`concurrency` messages are at the vendor at once; so many `failures` in a row open a breaker.
        `allowance` makes one for an account; `clock` gives epoch seconds.
        """
        self.sender = sender
        self.vendor = sender.vendor
        self.log = sender.log
        self.concurrency = concurrency
        self.steering = steering
        self._allowance = allowance
        self._shared = shared
        self._failures = failures
        self.clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._throttles: dict[str, Throttle] = {}

    def look(self, keys: Sequence[Key], *, may_probe: bool) -> None:
        """Read, in one call, what was decided about accounts and campaigns, and how the accounts' breakers stand; with
        `may_probe` reserve the probes that are due.
        """
        items = self.steering.look(keys)
        for account, campaign in keys:
            if campaign == WHOLE_ACCOUNT:
                item = None if items is None else items.get((account, campaign), {})
                self.breaker(account).look(item, may_probe=may_probe)

    def allowance(self, account: Account, *, single: bool) -> Allowance | None:
        """What may be sent of an account in one invocation; None: its rate and its day are not limited."""
        if account.parts_per_second is None and account.parts_per_day is None:
            return None
        return self._allowance(account, single=single)

    def breaker(self, account: str) -> Breaker:
        """An account's breaker."""
        if account not in self._breakers:
            self._breakers[account] = Breaker(account, self._shared, self._failures, self.clock)
        return self._breakers[account]

    def throttle(self, account: str) -> Throttle:
        """An account's throttle."""
        if account not in self._throttles:
            self._throttles[account] = Throttle(self.concurrency, self.clock)
        return self._throttles[account]
