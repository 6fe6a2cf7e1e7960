"""Stops sending while the vendor fails for everybody: an outage costs the messages in flight, not the campaign.

    closed ──several different messages in a row failed for reasons that hold for all──▶ open
    open ──a probe (the token call, which sends nothing) works──▶ one message ──taken──▶ a few ──taken──▶ closed
      ▲                                                              │                    │
      └──────────────────────────── failed ──────────────────────────┴────────────────────┘

One message is no evidence: a text that the vendor always chokes on opens nothing, however often it comes. All workers
of an account share the breaker (`campaigns/shared_breaker.py`): a worker looks at it when it begins, and only the
worker that has reserved the probe makes it.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from bridge.campaigns.shared_breaker import BreakerState, Level, breaker_of
from bridge.errors import LogUnavailable
from bridge.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.campaigns.shared_breaker import SharedBreaker
    from bridge.campaigns.table import Item
    from bridge.message import Message

BATCH_FAILURES = 5
"""Different messages in a row whose failures open the breaker. With 32 in flight this adds nothing to what an outage
costs, and a vendor that fails one message in fifty does not stop a campaign."""

SINGLE_FAILURES = 2
"""The same for messages that somebody waits for: each failure may cost the one who waits ten seconds."""

FEW = 5
"""How many messages may be tried once one was taken."""


class Mode(Enum):
    """What a worker may do with an account's messages now."""

    ALL = "all"
    PROBE = "probe"
    """Nothing but the token call."""
    SOME = "some"
    """A few messages, then again the others have to wait for what these show."""
    NONE = "none"


class Breaker:
    """One account's breaker in one worker. Thread-safe; only `look` and `publish` call the table."""

    def __init__(self, account: str, shared: SharedBreaker, most_failures: int, clock: Callable[[], float]) -> None:
        """So many failures in a row open it; `clock` gives epoch seconds."""
        self._account = account
        self._shared = shared
        self._most_failures = most_failures
        self._clock = clock
        self._lock = threading.Lock()
        self._failing: set[tuple[str, str]] = set()
        self._state: BreakerState | None = None
        self._unpublished: Callable[[], None] | None = None
        self._untold = False  # the table did not take what this worker found out
        self._left = 0  # messages that may be tried yet
        self._out = 0  # messages that are being tried
        self.mode = Mode.ALL

    def look(self, item: Item | None, *, may_probe: bool) -> None:
        """Go by the shared state, as it stands in the account's item; with `may_probe` reserve the probe where it is
        due. None: the table does not answer.
        """
        now = self._clock()
        known, reserve = self._known(item)
        if self._untold and item is not None and known and known.is_due(now) and not may_probe:
            known = None  # nobody else knows of it, and would ever close it
        state, mode = known, Mode.ALL if known is None else Mode.NONE
        if known and may_probe and known.is_due(now):
            then = BreakerState.due(now, known.level, known.probes + 1, known.losses)
            if self._reserve(reserve, known, then):
                state, mode = then, Mode.PROBE if known.level is Level.OPEN else Mode.SOME
            elif self._state and not self._state.is_due(now):
                state = self._state
        with self._lock:
            self._state = state
            self._begin(mode, FEW)

    def _known(self, item: Item | None) -> tuple[BreakerState | None, Callable[[BreakerState, BreakerState], bool]]:
        """The state to go by, and how its probe is reserved."""
        if item is None:
            self._say_alone("its item cannot be read")
            return self._state, _alone
        shared, self._unpublished = breaker_of(item), None
        self._untold = self._untold and shared is None
        if self._untold:
            return self._state, self._tell
        return shared, partial(self._shared.reserve, self._account)

    def _tell(self, _seen: BreakerState, then: BreakerState) -> bool:
        """Tell the others now what they could not be told before."""
        self._shared.write(self._account, then)
        self._untold = False
        return True

    def _reserve(
        self, reserve: Callable[[BreakerState, BreakerState], bool], known: BreakerState, then: BreakerState
    ) -> bool:
        try:
            return reserve(known, then)
        except LogUnavailable as error:
            # It can be read and not written. A probe harms nobody: this worker keeps to its own interval.
            self._say_alone(str(error))
            return self._state is None or self._state.is_due(self._clock())

    def _say_alone(self, reason: str) -> None:
        logger.warning("shared breaker not available: this worker decides alone", account=self._account, reason=reason)

    def wait(self) -> float:
        """Seconds until the vendor may be probed next."""
        return max(1.0, self._state.probe_at / 1_000 - self._clock()) if self._state else 1.0

    def take(self) -> bool:
        """Take the right to try one message."""
        with self._lock:
            if self.mode is Mode.SOME and self._left:
                self._left -= 1
                self._out += 1
                return True
            return self.mode is Mode.ALL

    def give_back(self) -> None:
        """The try showed nothing about the vendor: another message may be tried in its place."""
        with self._lock:
            if self.mode is Mode.SOME:
                self._left += 1
                self._out -= 1

    def note_probe(self, *, works: bool) -> None:
        """The probe has ended."""
        with self._lock:
            self._begin(Mode.SOME, 1) if works else self._begin(Mode.NONE)

    def note(self, message: Message, *, outage: bool, in_doubt: bool = False) -> None:
        """One attempt has ended; `in_doubt`: the message may have been sent, and will not be tried again."""
        with self._lock:
            if not outage:
                self._failing.clear()
                if self.mode is Mode.SOME:
                    self._note_taken()
                return
            if self.mode is Mode.ALL:
                self._failing.add((message.recipient, message.message_id))
            if self.mode is Mode.SOME or len(self._failing) >= self._most_failures:
                self._open(in_doubt=in_doubt)

    def finish(self, *, may_call: bool = True) -> None:
        """The invocation ends. A few that were all taken close the breaker, though more might have been tried; where no
        message could show anything, the next worker may try at once. The others are told if there is time for a call.
        """
        with self._lock:
            if self.mode is Mode.SOME and self._out == 0 and self._state:
                half_open = self._is_half_open()
                if self._left == (FEW if half_open else 1):
                    now_due = replace(self._state, probe_at=int(self._clock() * 1_000))
                    self._unpublished = partial(self._shared.write, self._account, now_due)
                elif half_open:
                    self._close()
        if may_call:
            self.publish()
        elif self._unpublished:
            self._untold = True  # unless the caller finds the time

    def publish(self) -> None:
        """Tell the other workers what has changed."""
        with self._lock:
            publish, self._unpublished = self._unpublished, None
        try:
            if publish:
                publish()
                self._untold = False
        except LogUnavailable as error:
            self._untold = True
            self._say_alone(str(error))

    def _note_taken(self) -> None:
        self._out -= 1
        if self._left or self._out:
            return
        if self._is_half_open():
            self._close()
        else:
            self._state = BreakerState(
                Level.HALF_OPEN, int(self._clock() * 1_000), losses=self._state.losses if self._state else 0
            )
            self._unpublished = partial(self._shared.write, self._account, self._state)
            self._begin(Mode.SOME, FEW)

    def _open(self, *, in_doubt: bool) -> None:
        probes, losses = 0, 0
        if self._state and self.mode is Mode.SOME:  # a probe had worked: the next one comes later
            probes, losses = self._state.probes, self._state.losses + in_doubt
        self._state = BreakerState.due(self._clock(), Level.OPEN, probes, losses)
        self._unpublished = partial(self._shared.write, self._account, self._state)
        self._begin(Mode.NONE)

    def _close(self) -> None:
        self._state = None
        self._unpublished = partial(self._shared.close, self._account)
        self._begin(Mode.ALL)

    def _is_half_open(self) -> bool:
        return self._state is not None and self._state.level is Level.HALF_OPEN

    def _begin(self, mode: Mode, left: int = 0) -> None:
        self.mode, self._left, self._out = mode, left, 0
        if mode is not Mode.ALL:
            self._failing.clear()  # what failed before says nothing of the time after an outage


def _alone(_seen: BreakerState, _then: BreakerState) -> bool:
    """The table does not answer, so nobody can be asked: each worker probes for itself."""
    return True
