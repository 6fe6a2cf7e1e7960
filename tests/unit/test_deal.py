"""Which message begins next, on which thread, and when none does."""

from __future__ import annotations

import math
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from bridge.breaker import FEW, Breaker, Mode
from bridge.campaigns.control import State
from bridge.campaigns.shared_breaker import BreakerState, Level
from bridge.deal import LONGEST_WAIT_SECONDS, Deal, Guard, Job, Line
from bridge.leftovers import Leftovers
from bridge.message import Cause, Message
from bridge.message_central import verdicts
from bridge.send import Attempt, Ending, SendResult
from bridge.throttle import UNLIMITED, Throttle
from tests.fakes.campaigns import look, shared_breaker
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.values import account, message
from tests.fakes.vendor import page
from tests.unit.harness import chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.message import Outcome

TIMEOUT = 10  # seconds until a thread that never ends fails a test
FAILURES = 3
PLACES = 4


def job(given: Message) -> Job:
    return Job(given, Leftovers(chunk(0)), lambda: SendResult(Ending.ENDED, given))


class Table:
    """The lines of some accounts, over one clock and one shared table."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.for_the_log = Line(deque())
        self.shared = shared_breaker(FakeDynamoDB())

    def guard(self, account: str = "A", *, places: int = PLACES) -> Guard:
        breaker = Breaker(account, self.shared, FAILURES, self.clock)
        look(breaker, may_probe=True)
        return Guard(breaker, Throttle(places, self.clock), lambda: True)

    def line(self, count: int, account: str = "A", **options: Any) -> Line:
        jobs = deque(job(message(n, account=account)) for n in range(count))
        return Line(jobs, self.guard(account, **options))

    def deal(self, *lines: Line) -> Deal:
        return Deal(lines, self.clock.deadline(30), self.for_the_log)

    def probing(self, count: int) -> Line:
        """The line of an account whose breaker is open, and whose probe is this worker's."""
        self.shared.write("A", BreakerState(Level.OPEN, 1))
        return self.line(count)

    def half_open(self, count: int) -> Line:
        self.shared.write("A", BreakerState(Level.HALF_OPEN, 1))
        return self.line(count)


@pytest.fixture
def table() -> Table:
    return Table()


def refused(seconds: float) -> Outcome:
    """The vendor's 429."""
    return verdicts.verdict(page(429, retry_after=str(int(seconds))))


def begin(deal: Deal) -> Job:
    """The next job, of which there has to be one."""
    taken = deal.take()
    assert taken
    assert taken[1]
    return taken[1]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def breaker_of(line: Line) -> Breaker:
    assert line.guard
    return line.guard.breaker


def test_jobs_begin_in_their_order_and_each_once(table: Table):
    deal = table.deal(table.line(3))

    begun = [begin(deal) for _ in range(3)]

    assert [one.message for one in begun] == [message(n, account="A") for n in range(3)]
    assert deal.take() is None


def test_what_is_paused_or_stopped_leaves_the_line_of_an_account_that_waits(table: Table):
    line = table.probing(3)
    running, paused, stopped = line.jobs
    for one in line.jobs:
        one.cancel = one.run
    states = {running: State.RUNNING, paused: State.PAUSED, stopped: State.STOPPED}
    deal = table.deal(line)

    assert deal.withdraw({one.message: state for one, state in states.items()}.__getitem__) == [paused]

    assert [*line.jobs] == [running]
    assert [deal.take(), deal.take()] == [(line, None), (table.for_the_log, stopped)], (
        "one probes; a cancellation waits for none"
    )


def test_no_jobs_are_none_at_once(table: Table):
    assert table.deal().take() is None


@pytest.mark.fault("account-slow")
def test_accounts_have_their_turns(table: Table):
    deal = table.deal(table.line(3, "A"), table.line(3, "B"))

    assert [begin(deal).message.account for _ in range(6)] == ["A", "B"] * 3


@pytest.mark.fault("account-slow")
def test_an_account_that_may_not_begin_is_passed_over(table: Table):
    deal = table.deal(table.line(3, "A", places=1), table.line(3, "B"))

    assert [begin(deal).message.account for _ in range(4)] == ["A", "B", "B", "B"]


def test_jobs_for_the_log_are_held_back_by_nothing(table: Table):
    deal = table.deal(Line(deque([job(message(n)) for n in range(50)])))

    assert len([begin(deal) for _ in range(50)]) == 50


def test_no_more_begin_than_there_are_places_until_one_has_ended(table: Table, pool: ThreadPoolExecutor):
    deal = table.deal(table.line(3, places=2))
    first = begin(deal)
    begin(deal)

    waits = pool.submit(begin, deal)
    assert not waits.done()
    deal.end(first, verdicts.SENT)

    assert waits.result(TIMEOUT).message == message(2, account="A")


def test_nothing_begins_when_the_time_to_begin_is_over(table: Table):
    deal = table.deal(table.line(3))
    begin(deal)

    table.clock.sleep(30)

    assert deal.take() is None


def test_those_who_wait_are_let_go_when_it_stops(table: Table, pool: ThreadPoolExecutor):
    deal = table.deal(table.line(9, places=1))
    begin(deal)
    waiting = [pool.submit(deal.take) for _ in range(3)]

    deal.stop()

    assert [one.result(TIMEOUT) for one in waiting] == [None] * 3
    assert deal.take() is None


@pytest.mark.fault("rate-limit")
@pytest.mark.parametrize(("asked", "begins"), [(LONGEST_WAIT_SECONDS + 1, False), (0, True)])
def test_an_account_that_has_to_pause_for_long_is_given_back_at_once(table: Table, asked: int, begins: bool):  # noqa: FBT001
    line = table.line(3)
    deal = table.deal(line)
    deal.end(begin(deal), refused(asked))

    assert (deal.take() is not None) is begins
    if not begins:
        assert line.guard
        assert line.guard.held_by() == (Cause.RATE, pytest.approx(asked))


def test_a_short_pause_is_waited_for(table: Table):
    line = table.line(2)
    deal = table.deal(line)
    deal.end(begin(deal), refused(3))

    assert line.wait() == pytest.approx(3)
    table.clock.sleep(3)
    assert begin(deal).message == message(1, account="A")


@pytest.mark.fault("rate-limit")
def test_a_refusal_for_the_rate_is_no_outage_and_limits_the_rate(table: Table):
    line = table.line(20)
    deal = table.deal(line)
    assert line.guard
    for _ in range(FAILURES + 2):
        deal.end(begin(deal), verdicts.RATE)
        table.clock.sleep(1)

    assert line.guard.breaker.mode is Mode.ALL
    assert line.guard.throttle.rate < UNLIMITED


def test_an_outage_stops_an_account_and_no_other(table: Table):
    outage, other = table.line(9, "A"), table.line(2, "B")
    deal = table.deal(outage, other)
    for _ in range(FAILURES + 2):
        one = begin(deal)
        deal.end(one, verdicts.LOST if one.message.account == "A" else verdicts.SENT)

    assert deal.take() is None
    assert breaker_of(outage).mode is Mode.NONE
    assert len(outage.jobs) == 9 - FAILURES
    assert other.jobs == deque()


# Probes


def test_a_probe_is_made_by_one_thread_and_the_others_wait_for_it(table: Table, pool: ThreadPoolExecutor):
    line = table.probing(3)
    deal = table.deal(line)
    assert deal.take() == (line, None)
    waits = pool.submit(begin, deal)
    assert not waits.done()

    assert line.guard
    deal.end_probe(line.guard, works=True)

    assert waits.result(TIMEOUT).message == message(0, account="A")


def test_a_probe_that_fails_ends_the_waiting(table: Table, pool: ThreadPoolExecutor):
    line = table.probing(3)
    deal = table.deal(line)
    deal.take()
    waits = pool.submit(deal.take)

    assert line.guard
    deal.end_probe(line.guard, works=False)

    assert waits.result(TIMEOUT) is None
    assert line.guard.held_by()[0] is Cause.BREAKER
    assert len(line.jobs) == 3


def test_after_a_probe_one_message_is_tried_then_a_few_then_all(table: Table, pool: ThreadPoolExecutor):
    line = table.probing(20)
    deal = table.deal(line)
    deal.take()
    assert line.guard
    deal.end_probe(line.guard, works=True)
    first = begin(deal)
    assert line.wait() is None
    deal.end(first, verdicts.SENT)

    for _ in range(FEW):
        deal.end(begin(deal), verdicts.SENT)

    assert breaker_of(line).mode is Mode.ALL


def test_a_right_to_try_is_used_or_given_back(table: Table):
    # Where the throttle has no place the breaker's right must not be used up.
    line = table.half_open(20)
    deal = table.deal(line)
    assert line.guard
    begun = [begin(deal) for _ in range(PLACES)]
    for _ in range(5):
        assert line.wait() is None

    for one in begun:
        deal.end(one, verdicts.SENT)
    for _ in range(FEW - PLACES):
        deal.end(begin(deal), verdicts.SENT)

    assert breaker_of(line).mode is Mode.ALL


@pytest.mark.parametrize("outcome", [None, verdicts.NO_TIME])
def test_an_attempt_that_shows_nothing_of_the_vendor_lets_another_be_tried(table: Table, outcome: Outcome | None):
    line = table.half_open(20)
    deal = table.deal(line)

    for _ in range(FEW + 3):
        deal.end(begin(deal), outcome)

    assert breaker_of(line).mode is Mode.SOME


def test_an_attempt_without_time_does_not_end_a_row_of_failures(table: Table):
    line = table.line(20)
    deal = table.deal(line)

    for _ in range(FAILURES):
        deal.end(begin(deal), verdicts.LOST)
        if line.jobs and breaker_of(line).mode is Mode.ALL:
            deal.end(begin(deal), verdicts.NO_TIME)

    assert breaker_of(line).mode is Mode.NONE


# What does not end


@pytest.mark.fault("vendor-hangs")
def test_jobs_that_did_not_end_in_time_are_evidence_of_an_outage(table: Table):
    line = table.line(20)
    deal = table.deal(line)
    for _ in range(FAILURES):
        begin(deal)

    deal.close()

    assert breaker_of(line).mode is Mode.NONE


@pytest.mark.fault("vendor-hangs")
@pytest.mark.parametrize(("written", "pause"), [(True, 60), (False, 10)])
def test_after_a_try_that_did_not_end_in_time_the_pause_is_longer_where_it_may_have_been_sent(
    table: Table,
    pause: int,
    *,
    written: bool,
):
    line = table.half_open(20)
    deal = table.deal(line)
    one = begin(deal)
    one.attempt = Attempt.by("w", one.message, account())
    if written:
        one.attempt.permit.begin()

    deal.close()

    assert breaker_of(line).wait() == pytest.approx(pause, abs=0.01)


@pytest.mark.fault("outage-long")
@pytest.mark.parametrize(("outcome", "pause"), [(verdicts.LOST, 60), (verdicts.BUSY, 10)])
def test_after_a_try_that_failed_the_pause_is_longer_where_it_may_have_been_sent(
    table: Table, outcome: Outcome, pause: int
):
    line = table.half_open(20)
    deal = table.deal(line)

    deal.end(begin(deal), outcome)

    assert breaker_of(line).wait() == pytest.approx(pause, abs=0.01)


@pytest.mark.fault("vendor-hangs")
def test_what_did_not_end_in_time_counts_once_and_frees_its_place_once(table: Table):
    line = table.line(20, places=1)
    deal = table.deal(line)
    one = begin(deal)

    deal.close()
    deal.end(one, verdicts.LOST)
    deal.close()

    begin(table.deal(line))
    assert line.wait() is None, "one place is one place"


@pytest.mark.fault("vendor-hangs")
def test_a_thread_left_over_from_an_earlier_invocation_says_nothing_to_a_later_one(table: Table):
    # The vendor hung; its threads end while the breaker, in a later invocation, waits for what a few messages show.
    line = table.line(20)
    before = table.deal(line)
    begun = [begin(before) for _ in range(FAILURES)]
    before.close()
    table.shared.write("A", BreakerState(Level.HALF_OPEN, 1))
    look(breaker_of(line), may_probe=True)
    after = table.deal(line)
    tried = [begin(after) for _ in range(PLACES)]

    for one in begun:
        before.end(one, verdicts.SENT)
    for one in tried:
        after.end(one, verdicts.SENT)

    assert breaker_of(line).mode is Mode.SOME, "one of the few has not been tried yet"
    after.end(begin(after), verdicts.SENT)
    assert breaker_of(line).mode is Mode.ALL


@pytest.mark.parametrize("works", [True, False])
def test_a_probe_left_over_from_an_earlier_invocation_changes_nothing(table: Table, works: bool):  # noqa: FBT001
    line = table.probing(3)
    before = table.deal(line)
    before.take()
    before.close()
    table.shared.close("A")
    look(breaker_of(line), may_probe=True)

    assert line.guard
    before.end_probe(line.guard, works=works)

    assert breaker_of(line).mode is Mode.ALL
    assert begin(table.deal(line))


def test_closing_gives_all_places_back(table: Table):
    line = table.line(20)
    deal = table.deal(line)
    for _ in range(PLACES):
        begin(deal)

    deal.close()

    assert line.guard
    assert line.guard.throttle.wait() == 0.0


# What held it back


def test_what_was_not_begun_says_why(table: Table):
    line = table.line(20)
    assert line.guard
    assert line.guard.held_by() == (Cause.NO_TIME, 0.0)

    deal = table.deal(line)
    for _ in range(FAILURES):
        deal.end(begin(deal), verdicts.LOST)

    assert line.guard.held_by() == (Cause.BREAKER, pytest.approx(5))


def test_a_line_without_jobs_has_nothing_to_wait_for(table: Table):
    assert table.line(0).wait() == math.inf


def test_many_threads_work_everything_off_once(table: Table, pool: ThreadPoolExecutor):
    lines = [table.line(200, account, places=3) for account in "ABC"]
    deal = table.deal(*lines)
    begun: list[Job] = []
    together = threading.Barrier(8)

    def work() -> None:
        together.wait(TIMEOUT)
        while taken := deal.take():
            one = taken[1]
            assert one
            begun.append(one)
            deal.end(one, verdicts.SENT)

    for thread in [pool.submit(work) for _ in range(8)]:
        thread.result(TIMEOUT)

    assert len(begun) == len({*begun}) == 600
    assert all(line.guard and line.guard.throttle.wait() == 0.0 for line in lines)
