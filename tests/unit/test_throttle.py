"""How many messages of an account are at the vendor at once, and what a vendor with a limit gets of it."""

from __future__ import annotations

import heapq
import random
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from bridge.throttle import LEAST, LESS, LONGEST_PAUSE_SECONDS, MORE, MORE_AFTER_SECONDS, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.clock import Clock

PLACES = 32


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(PLACES, clock)


def fill(throttle: Throttle) -> list[float]:
    """Begin as many messages as may begin now."""
    begun = []
    while throttle.wait() == 0.0:
        begun.append(throttle.begin())
    return begun


def refuse(throttle: Throttle, **options: Any) -> None:
    throttle.end(throttle.begin(), too_many=True, **options)


def test_as_many_begin_as_there_are_places_and_then_one_for_each_that_ends(throttle: Throttle):
    begun = fill(throttle)
    assert len(begun) == PLACES
    assert throttle.wait() is None

    throttle.end(begun[0])

    assert len(fill(throttle)) == 1


@pytest.mark.fault("rate-limit")
def test_a_refusal_takes_a_third_away_of_what_was_at_the_vendor(throttle: Throttle, clock: Clock):
    begun = fill(throttle)
    clock.sleep(1)

    throttle.end(begun[0], too_many=True)

    assert throttle.limit == pytest.approx(PLACES * LESS)


@pytest.mark.fault("rate-limit")
def test_what_was_begun_before_a_refusal_lowers_no_further(throttle: Throttle, clock: Clock):
    begun = fill(throttle)
    clock.sleep(1)

    for one in begun:
        throttle.end(one, too_many=True)

    assert throttle.limit == pytest.approx(PLACES * LESS)


def test_a_refusal_of_what_was_begun_since_lowers_again(throttle: Throttle, clock: Clock):
    refuse(throttle)
    first = throttle.limit
    clock.sleep(20)

    refuse(throttle)

    assert throttle.limit < first


def test_it_recovers_step_by_step_up_to_all_places(throttle: Throttle, clock: Clock):
    for place, one in enumerate(fill(throttle)):
        throttle.end(one, too_many=place == 0)
    low = throttle.limit

    for _ in range(3):
        throttle.end(throttle.begin())
    assert throttle.limit == low, "not at once"
    clock.sleep(MORE_AFTER_SECONDS)
    for _ in range(3):
        throttle.end(throttle.begin())
    assert throttle.limit == pytest.approx(low * MORE), "one step at a time"
    for _ in range(50):
        clock.sleep(MORE_AFTER_SECONDS)
        throttle.end(throttle.begin())

    assert throttle.limit == PLACES


@pytest.mark.fault("rate-limit")
@pytest.mark.parametrize(("asked", "waits"), [(3, 3), (14, 14), (600, LONGEST_PAUSE_SECONDS)])
def test_after_retry_after_nothing_begins_for_so_long(throttle: Throttle, clock: Clock, asked: int, waits: float):
    refuse(throttle, retry_after=asked)

    assert throttle.wait() == pytest.approx(waits)
    clock.sleep(waits)
    assert throttle.wait() == 0.0


def test_a_shorter_retry_after_does_not_end_a_longer_one(throttle: Throttle):
    one, other = throttle.begin(), throttle.begin()

    throttle.end(one, too_many=True, retry_after=10)
    throttle.end(other, too_many=True, retry_after=1)

    assert throttle.wait() == pytest.approx(10)


def test_below_one_message_at_a_time_it_waits_between_two(throttle: Throttle, clock: Clock):
    for _ in range(2):
        clock.sleep(LONGEST_PAUSE_SECONDS)
        refuse(throttle)
    assert throttle.limit == pytest.approx(LESS * LESS)
    begun = throttle.begin()
    assert throttle.wait() is None, "never two at once"
    clock.sleep(0.4)

    throttle.end(begun)

    assert throttle.wait() == pytest.approx(0.4 * (1 / throttle.limit - 1))


def test_it_never_stops_for_good(throttle: Throttle, clock: Clock):
    for _ in range(200):
        clock.sleep(LONGEST_PAUSE_SECONDS)
        refuse(throttle)
    assert throttle.limit == LEAST

    begun = throttle.begin()
    clock.sleep(600)  # the function was frozen meanwhile

    throttle.end(begun)
    assert throttle.wait() == pytest.approx(LONGEST_PAUSE_SECONDS)


class LimitedVendor:
    """Takes `rate` messages a second, and `burst` at once after a pause; all others it refuses."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()
        self.refused = 0

    def takes(self) -> bool:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        taken = self._tokens >= 1
        self._tokens -= taken
        self.refused += not taken
        return taken


class Campaign:
    """Workers that share a vendor, in virtual time. What it refuses comes again after 1 to 3 s, to any of them."""

    def __init__(self, vendor: LimitedVendor, clock: Clock, latency: float, *, workers: int = 2, seed: int = 0) -> None:
        self.vendor, self._clock, self._latency = vendor, clock, latency
        self._random = random.Random(seed)
        self._throttles = [Throttle(PLACES, clock) for _ in range(workers)]
        self._waiting = [0] * workers
        self._events: list[tuple[float, int, Callable[[], int]]] = []
        self._order = count()
        self._taken = 0

    def run(self, messages: int) -> float:
        """Send so many; the seconds that it took."""
        since, until = self._clock.now, self._taken + messages
        for n in range(messages):
            self._waiting[n % len(self._waiting)] += 1
        for worker in range(len(self._throttles)):
            self._begin(worker)
        while self._taken < until:
            self._clock.now, _, happens = heapq.heappop(self._events)
            self._begin(happens())
        return self._clock.now - since

    def _at(self, seconds: float, happens: Callable[[], int]) -> None:
        heapq.heappush(self._events, (self._clock.now + seconds, next(self._order), happens))

    def _begin(self, worker: int) -> None:
        throttle = self._throttles[worker]
        while self._waiting[worker] and (wait := throttle.wait()) is not None:
            if wait:
                return self._at(wait, lambda: worker)
            self._waiting[worker] -= 1
            begun, taken = throttle.begin(), self.vendor.takes()
            seconds = self._latency * self._random.uniform(0.8, 1.2)
            self._at(seconds, lambda begun=begun, taken=taken: self._end(worker, begun, taken=taken))
        return None

    def _end(self, worker: int, begun: float, *, taken: bool) -> int:
        self._throttles[worker].end(begun, too_many=not taken)
        self._taken += taken
        if not taken:
            self._at(self._random.uniform(1, 3), self._return)
        return worker

    def _return(self) -> int:
        worker = self._random.randrange(len(self._waiting))
        self._waiting[worker] += 1
        return worker


@pytest.mark.fault("rate-limit")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("burst", [5, 50])
@pytest.mark.parametrize("latency", [0.005, 0.06, 0.35])
def test_a_vendor_that_takes_50_a_second_gets_3000_messages_in_little_more_than_a_minute(
    clock: Clock, latency: float, burst: int, seed: int
):
    vendor = LimitedVendor(50, burst, clock)

    seconds = Campaign(vendor, clock, latency, seed=seed).run(3_000)

    assert (3_000 - burst) / 50 <= seconds <= 1.3 * 60
    assert vendor.refused <= 300, "a tenth, each of which costs a claim and a way through the queue"


def test_a_vendor_without_a_limit_always_gets_all_places(clock: Clock):
    vendor = LimitedVendor(10_000, 10_000, clock)

    seconds = Campaign(vendor, clock, 0.32).run(3_000)

    assert seconds == pytest.approx(3_000 * 0.32 / (2 * PLACES), rel=0.1)
    assert vendor.refused == 0


def test_when_the_vendors_limit_is_lifted_all_places_are_used_again(clock: Clock):
    vendor = LimitedVendor(50, 50, clock)
    campaign = Campaign(vendor, clock, 0.35)
    campaign.run(1_000)

    campaign.vendor = LimitedVendor(10_000, 10_000, clock)

    assert campaign.run(6_000) <= 6_000 * 0.35 / (2 * PLACES) + 15
