"""How fast messages of an account begin, and what a vendor with a limit gets of it."""

from __future__ import annotations

import heapq
import math
import random
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from bridge.throttle import JITTER, LEAST, LONGEST_PAUSE_SECONDS, MOST, PART, UNLIMITED, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.clock import Clock

PLACES = 32
CLOCK_STEP = 1e-6  # what a clock with epoch seconds tells apart, and some more


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(PLACES, clock, lambda: 0.0)


def fill(throttle: Throttle) -> list[float]:
    """Begin as many messages as may begin now."""
    begun = []
    while throttle.wait() == 0.0:
        begun.append(throttle.begin())
    return begun


def refuse(throttle: Throttle, **options: Any) -> None:
    throttle.end(throttle.begin(), too_many=True, **options)


def limited(throttle: Throttle, clock: Clock, seconds: float = 0.5) -> None:
    """All places are taken, and one message is refused after so many seconds; the others are taken."""
    first, *others = fill(throttle)
    clock.sleep(seconds)
    throttle.end(first, too_many=True)
    for one in others:
        throttle.end(one)


def test_as_many_begin_as_there_are_places_and_then_one_for_each_that_ends(throttle: Throttle):
    begun = fill(throttle)
    assert len(begun) == PLACES
    assert throttle.wait() is None

    throttle.end(begun[0])

    assert len(fill(throttle)) == 1


def test_a_rate_whose_429_asks_for_a_pause_grows_more_slowly_than_one_whose_429_does_not(clock: Clock):
    rates = []
    for pause in (None, 2.0):
        throttle = Throttle(PLACES, clock, lambda: 0.0)
        fill(throttle)
        throttle.end(clock(), too_many=True, retry_after=pause)
        lowered = throttle.rate

        clock.sleep((pause or 0.0) + 4)
        throttle.end(clock())

        rates.append(throttle.rate / lowered)

    assert rates[0] > 1.5
    assert 1.0 < rates[1] < 1.05


def test_what_was_never_refused_asks_for_the_time_once_a_message():
    asked = count()
    throttle = Throttle(PLACES, lambda: float(next(asked)))

    for _ in range(100):
        assert throttle.wait() == 0.0
        throttle.end(throttle.begin())

    assert next(asked) == 100


@pytest.mark.fault("rate-limit")
def test_a_first_refusal_limits_to_a_little_less_than_what_was_under_way_in_that_time(throttle: Throttle, clock: Clock):
    limited(throttle, clock, 0.5)

    before = PLACES / 0.5
    assert before * (1 - 1 / PART) < throttle.rate < before


@pytest.mark.fault("rate-limit")
def test_messages_then_begin_evenly(throttle: Throttle, clock: Clock):
    limited(throttle, clock)

    for _ in range(5):
        throttle.begin()
        assert throttle.wait() == pytest.approx(1 / throttle.rate, abs=CLOCK_STEP)
        clock.sleep(1 / throttle.rate)
        assert throttle.wait() == pytest.approx(0, abs=CLOCK_STEP)


def test_no_two_workers_keep_in_step(clock: Clock):
    throttle = Throttle(PLACES, clock, lambda: 1.0)
    limited(throttle, clock)

    throttle.begin()

    assert throttle.wait() == pytest.approx((1 + JITTER) / throttle.rate, abs=CLOCK_STEP)


def test_messages_that_wait_for_a_place_are_not_made_up_for(throttle: Throttle, clock: Clock):
    limited(throttle, clock)
    throttle.begin()
    clock.sleep(1)

    assert len(fill(throttle)) == 1


@pytest.mark.fault("rate-limit")
def test_refusals_of_what_was_under_way_together_take_a_part_together(throttle: Throttle, clock: Clock):
    begun = fill(throttle)
    clock.sleep(1)

    for one in begun:
        throttle.end(one, too_many=True)

    assert PLACES / 8 < throttle.rate < PLACES / 2


def test_a_refusal_of_the_only_one_takes_a_twelfth(throttle: Throttle, clock: Clock):
    limited(throttle, clock)
    before = throttle.rate

    refuse(throttle)

    assert throttle.rate == pytest.approx(before * (1 - 1 / 12))


def trickle(throttle: Throttle, clock: Clock, seconds: float) -> None:
    """As fast as may be, each taken after a hundredth of a second."""
    until = clock.now + seconds
    while clock.now < until:
        wait = throttle.wait()
        assert wait is not None
        clock.sleep(wait)
        begun = throttle.begin()
        clock.sleep(0.01)
        throttle.end(begun)


def test_the_rate_grows_slowly_at_first_and_then_faster(throttle: Throttle, clock: Clock):
    limited(throttle, clock, 8)
    low = throttle.rate

    trickle(throttle, clock, 1)
    assert 1.03 * low < throttle.rate < 1.15 * low
    trickle(throttle, clock, 4)
    assert 2.5 * low < throttle.rate < 4 * low


def test_a_rate_that_limits_nothing_any_more_is_forgotten(throttle: Throttle, clock: Clock):
    for _ in range(100):
        refuse(throttle)
    assert throttle.rate == LEAST

    since = clock.now
    while throttle.rate != UNLIMITED:
        clock.sleep(throttle.wait() or 0.0)
        throttle.end(throttle.begin())

    assert clock.now - since < 20
    clock.sleep(throttle.wait() or 0.0)
    assert len(fill(throttle)) == PLACES


def test_time_in_which_nothing_wanted_to_begin_does_not_raise_the_rate(throttle: Throttle, clock: Clock):
    limited(throttle, clock)
    before = throttle.rate
    clock.sleep(600)

    throttle.end(throttle.begin())

    assert throttle.rate == pytest.approx(before)


@pytest.mark.fault("rate-limit")
@pytest.mark.parametrize(("asked", "waits"), [(3, 3), (14, 14), (600, LONGEST_PAUSE_SECONDS)])
def test_after_retry_after_nothing_begins_for_so_long(throttle: Throttle, clock: Clock, asked: int, waits: float):
    refuse(throttle, retry_after=asked)

    assert throttle.wait() == pytest.approx(waits)
    clock.sleep(waits)
    assert throttle.wait() == 0.0


@pytest.mark.fault("rate-limit")
def test_a_pause_of_a_second_is_the_refused_messages_alone(clock: Clock):
    rates = []
    for pause in (None, 1):
        throttle = Throttle(PLACES, clock, lambda: 0.0)
        limited(throttle, clock)
        refuse(throttle, retry_after=pause)
        assert throttle.wait() == pytest.approx(1 / throttle.rate, rel=0.1)
        rates.append(throttle.rate)

    assert rates[0] == rates[1]


@pytest.mark.parametrize("shorter", [2, 1, None])
def test_a_shorter_retry_after_does_not_end_a_longer_one(throttle: Throttle, shorter: int | None):
    one, other = throttle.begin(), throttle.begin()

    throttle.end(one, too_many=True, retry_after=10)
    throttle.end(other, too_many=True, retry_after=shorter)

    assert throttle.wait() == pytest.approx(10)


def test_what_is_taken_meanwhile_does_not_end_a_pause(throttle: Throttle, clock: Clock):
    begun = fill(throttle)
    throttle.end(begun[0], too_many=True, retry_after=15)
    clock.sleep(14)

    for one in begun[1:]:
        throttle.end(one)

    assert throttle.wait() == pytest.approx(1)
    assert throttle.rate <= MOST


def test_it_never_stops_for_good(throttle: Throttle, clock: Clock):
    begun = throttle.begin()
    clock.sleep(600)  # the function was frozen meanwhile
    throttle.end(begun, too_many=True)
    for _ in range(200):
        refuse(throttle)
    assert throttle.rate == LEAST

    throttle.end(throttle.begin())
    clock.sleep(1 / LEAST)

    assert throttle.wait() == 0.0


class Vendor(Protocol):
    """Takes some messages and refuses the others."""

    refused: int

    def takes(self) -> bool: ...


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


class WindowedVendor:
    """Takes so many messages in each second of its clock; all others it refuses."""

    def __init__(self, rate: int, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._second = self._taken = 0
        self.refused = 0

    def takes(self) -> bool:
        second = math.floor(self._clock())
        if second != self._second:
            self._second, self._taken = second, 0
        taken = self._taken < self._rate
        self._taken += taken
        self.refused += not taken
        return taken


class Campaign:
    """Workers that share a vendor, in virtual time. What it refuses comes again after 1 to 3 s, to any of them."""

    def __init__(self, vendor: Vendor, clock: Clock, latency: float, *, workers: int = 2, seed: int = 0) -> None:
        self.vendor, self._clock, self._latency = vendor, clock, latency
        self._random = random.Random(seed)
        self._throttles = [Throttle(PLACES, clock, self._random.random) for _ in range(workers)]
        self._waiting = [0] * workers
        self._wakes_at = [0.0] * workers
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
                return self._wake(worker, wait)
            self._waiting[worker] -= 1
            begun, taken = throttle.begin(), self.vendor.takes()
            seconds = self._latency * self._random.uniform(0.8, 1.2)
            self._at(seconds, lambda begun=begun, taken=taken: self._end(worker, begun, taken=taken))
        return None

    def _wake(self, worker: int, wait: float) -> None:
        """Look again then, unless that is to happen anyway before."""
        then = self._clock.now + wait
        if not self._clock.now < self._wakes_at[worker] <= then:
            self._wakes_at[worker] = then
            self._at(wait, lambda: worker)

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


MESSAGES, IDEAL_SECONDS = 3_000, 60
of_any_latency = pytest.mark.parametrize("latency", [0.005, 0.06, 0.35, 1.0])
five_times = pytest.mark.parametrize("seed", range(5))


@pytest.mark.fault("rate-limit")
@five_times
@of_any_latency
@pytest.mark.parametrize("burst", [5, 50])
def test_a_vendor_that_takes_50_a_second_gets_3000_messages_in_little_more_than_a_minute(
    clock: Clock, latency: float, burst: int, seed: int
):
    vendor = LimitedVendor(50, burst, clock)

    seconds = Campaign(vendor, clock, latency, seed=seed).run(MESSAGES)

    assert (MESSAGES - burst) / 50 <= seconds <= 1.3 * IDEAL_SECONDS
    assert vendor.refused <= 0.2 * MESSAGES, "each costs a claim and a way through the queue"


@pytest.mark.fault("rate-limit")
@five_times
@of_any_latency
def test_a_vendor_that_counts_by_the_second_gets_them_as_fast(clock: Clock, latency: float, seed: int):
    clock.sleep(seed / 5)
    vendor = WindowedVendor(50, clock)

    assert Campaign(vendor, clock, latency, seed=seed).run(MESSAGES) <= 1.3 * IDEAL_SECONDS
    assert vendor.refused <= 0.2 * MESSAGES


@pytest.mark.fault("rate-limit")
@five_times
@of_any_latency
def test_a_vendor_without_any_burst_gets_more_than_a_third_of_what_it_takes(clock: Clock, latency: float, seed: int):
    # It takes a message only when 20 ms have passed since the last: two workers that do not know of each other meet.
    vendor = LimitedVendor(50, 1, clock)

    assert Campaign(vendor, clock, latency, seed=seed).run(MESSAGES) <= 3 * IDEAL_SECONDS
    assert vendor.refused <= 0.3 * MESSAGES


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
