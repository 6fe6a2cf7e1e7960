"""The bridge with one thing taken out. The simulation must not be green with any of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bridge import count, send
from bridge.breaker import Breaker, Mode
from bridge.campaigns import counting, shared_breaker
from bridge.campaigns.control import State
from bridge.campaigns.daily_cap import DailyCaps, Grant
from bridge.campaigns.schedule import RateSchedule, Slot
from bridge.leftovers import Leftovers
from bridge.log import conditions
from bridge.log.log import Log
from bridge.log.transitions import Write
from bridge.message import Status
from bridge.message_central import client, verdicts
from bridge.steering import Steering
from bridge.telemetry import InvocationMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bridge.message import Message, Resend


def _nothing(*_arguments: Any, **_options: Any) -> None:
    """Does nothing."""


@contextmanager
def no_claim() -> Iterator[None]:
    """Messages are sent without asking the log."""
    with patch.object(Log, "claim", _nothing):
        yield


@contextmanager
def claim_of_anybody() -> Iterator[None]:
    """A claim that was refused, or was not answered, counts as granted."""
    with patch.object(send.Sender, "_claim", _nothing):
        yield


@contextmanager
def breaker_ignored() -> Iterator[None]:
    """However often messages fail, all are tried."""

    def begin(self: Breaker, _mode: Mode, _left: int = 0) -> None:
        self.mode = Mode.ALL

    with patch.object(Breaker, "_begin", begin):
        yield


@contextmanager
def breaker_clock_stands() -> Iterator[None]:
    """A probe is never due."""
    original = Breaker.__init__

    def init(self: Breaker, account: str, shared: Any, most: int, clock: Callable[[], float]) -> None:
        stands = clock()
        original(self, account, shared, most, lambda: stands)

    with patch.object(Breaker, "__init__", init):
        yield


@contextmanager
def breaker_does_not_wait() -> Iterator[None]:
    """A probe is always due."""
    with patch.object(shared_breaker, "interval", lambda *_: 0):
        yield


@contextmanager
def lost_is_retried() -> Iterator[None]:
    """A message whose answer was lost is sent again."""
    retried = replace(verdicts.LOST, status=Status.RETRYING, cause=verdicts.BUSY.cause)
    with patch.object(client.verdicts, "LOST", retried):
        yield


@contextmanager
def bad_gateway_is_retried() -> Iterator[None]:
    """A 502 counts as not taken."""
    with patch.dict(verdicts.WHATEVER_THE_CODE, {502: verdicts.BUSY}):
        yield


@contextmanager
def leftovers_forgotten() -> Iterator[None]:
    """What was not sent does not go back to the queue."""
    with patch.object(Leftovers, "chunks", lambda _self: []):
        yield


@contextmanager
def postponed_in_silence() -> Iterator[None]:
    """Messages wait, and nobody counts them."""
    with patch.object(InvocationMetrics, "add_postponed", _nothing):
        yield


@contextmanager
def dead_workers_are_not_noticed() -> Iterator[None]:
    """A message whose worker died is left as it is."""
    with patch.object(Log, "mark_unknown", lambda *_: False):
        yield


@contextmanager
def people_are_not_heard() -> Iterator[None]:
    """What is paused or stopped is sent."""
    with patch.object(Steering, "state_of", lambda *_: State.RUNNING):
        yield


@contextmanager
def rates_are_not_kept() -> Iterator[None]:
    """Each worker has the whole rate at once."""

    def reserve(self: RateSchedule, _account: str, parts: int, _rate: float, _near: float) -> Slot:
        return Slot(self._clock() - 1, self._clock(), parts)

    with patch.object(RateSchedule, "reserve", reserve):
        yield


@contextmanager
def days_have_no_end() -> Iterator[None]:
    """Whatever was sent, more may be."""
    with patch.object(DailyCaps, "reserve", lambda _self, _account, wanted, _least: Grant(None, wanted)):
        yield


@contextmanager
def counted_whenever_given() -> Iterator[None]:
    """What the stream gives again is counted again."""
    with patch.object(counting._Update, "only_after", _nothing):
        yield


@contextmanager
def nothing_is_counted_back() -> Iterator[None]:
    """Where a row stood before is not looked at."""
    with patch.object(count, "_standing_before", lambda _change: []):
        yield


@contextmanager
def sent_again_over_any_end() -> Iterator[None]:
    """What is sent again is claimed over whatever end its row shows, not over the one that the person saw."""

    def resendable(message: Message, _resend: Resend, status: Status) -> conditions.Condition:
        condition = conditions._over(Write.RESEND, status)
        return condition if message.sent_in_doubt else condition | conditions._over(Write.CLAIM, status)

    with patch.object(conditions, "_resendable", resendable):
        yield


@contextmanager
def sent_again_on_any_condition() -> Iterator[None]:
    """What is sent again is sent, whatever its row says."""
    anything = conditions.Condition("attribute_exists(messageId)", {})
    with patch.object(conditions, "_resendable", lambda *_: anything):
        yield


MUTANTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    mutant.__name__: mutant
    for mutant in (
        no_claim,
        claim_of_anybody,
        breaker_ignored,
        breaker_does_not_wait,
        lost_is_retried,
        bad_gateway_is_retried,
        leftovers_forgotten,
        postponed_in_silence,
        dead_workers_are_not_noticed,
        people_are_not_heard,
        counted_whenever_given,
        nothing_is_counted_back,
    )
}
