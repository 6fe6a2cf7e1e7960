"""The breaker of one worker, and what several workers make of the one they share."""

from __future__ import annotations

import pytest

from bridge.breaker import FEW, Breaker, Mode
from bridge.campaigns.shared_breaker import (
    FIRST_PROBE_SECONDS,
    LONGEST_LOSS_SECONDS,
    LONGEST_PROBE_SECONDS,
    BreakerState,
    Level,
)
from tests.fakes.campaigns import breaker_in, look, shared_breaker
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.faults import DENIED, UNREACHED
from tests.fakes.values import ACCOUNT_ID, message

MOST = 3  # failures


class Workers:
    """Workers of one account that share a table; each has a breaker."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.dynamodb = FakeDynamoDB()
        self.shared = shared_breaker(self.dynamodb)

    def new(self) -> Breaker:
        """A worker that begins to work now, and may probe."""
        breaker = Breaker(ACCOUNT_ID, self.shared, MOST, self.clock)
        look(breaker, may_probe=True)
        return breaker

    @property
    def state(self) -> BreakerState | None:
        return breaker_in(self.dynamodb)

    def open(self) -> Breaker:
        """A worker that has just opened it."""
        breaker = self.new()
        fail(breaker, MOST)
        breaker.finish()
        assert breaker.mode is Mode.NONE
        return breaker

    def until_probe(self) -> None:
        assert self.state
        self.clock.now = max(self.clock.now, self.state.probe_at / 1_000)

    def half_open(self) -> None:
        """A probe worked, and one message was taken; nobody has tried the few yet."""
        self.open()
        self.until_probe()
        breaker = self.new()
        breaker.note_probe(works=True)
        pass_one(breaker)
        breaker.finish()


def fail(breaker: Breaker, count: int = 1, first: int = 0, *, in_doubt: bool = True) -> None:
    for n in range(first, first + count):
        breaker.take()
        breaker.note(message(n), outage=True, in_doubt=in_doubt)


def pass_one(breaker: Breaker) -> None:
    assert breaker.take()
    breaker.note(message(500), outage=False)


@pytest.fixture
def workers() -> Workers:
    return Workers()


def test_it_opens_after_so_many_different_failures_in_a_row(workers: Workers):
    breaker = workers.new()

    fail(breaker, MOST - 1)
    assert breaker.take()
    fail(breaker, 1, first=MOST - 1)

    assert breaker.mode is Mode.NONE
    assert not breaker.take()


@pytest.mark.fault("poisonous-text")
def test_one_message_is_no_evidence_however_often_it_fails(workers: Workers):
    breaker = workers.new()

    for _ in range(50):
        fail(breaker, 1)

    assert breaker.mode is Mode.ALL


def test_one_success_begins_the_count_anew(workers: Workers):
    breaker = workers.new()
    fail(breaker, MOST - 1)

    pass_one(breaker)
    fail(breaker, MOST - 1, first=10)

    assert breaker.mode is Mode.ALL


def test_failures_are_counted_over_small_invocations(workers: Workers):
    breaker = workers.new()

    for n in range(MOST):
        look(breaker, may_probe=True)
        fail(breaker, 1, first=n)
        breaker.finish()

    assert breaker.mode is Mode.NONE


def test_an_open_breaker_is_told_to_the_other_workers(workers: Workers):
    workers.open()

    assert workers.new().mode is Mode.NONE
    assert workers.state == BreakerState.due(workers.clock.now, Level.OPEN, 0, 0)


def test_it_is_written_only_when_it_changes(workers: Workers):
    breaker = workers.open()
    writes = workers.dynamodb.calls["update_item"]

    breaker.publish()
    breaker.finish()

    assert workers.dynamodb.calls["update_item"] == writes


def test_what_it_notes_calls_nobody(workers: Workers):
    breaker = workers.new()
    calls = dict(workers.dynamodb.calls)

    fail(breaker, MOST)

    assert workers.dynamodb.calls == calls, "threads that send do not wait for the table"


def test_when_its_time_has_come_one_of_two_workers_probes(workers: Workers):
    workers.open()
    workers.clock.sleep(FIRST_PROBE_SECONDS - 0.1)
    assert workers.new().mode is Mode.NONE
    workers.until_probe()

    assert [workers.new().mode for _ in range(2)] == [Mode.PROBE, Mode.NONE]


def test_two_workers_that_read_at_the_same_moment_do_not_both_probe(workers: Workers):
    workers.open()
    workers.until_probe()
    other = Breaker(ACCOUNT_ID, workers.shared, MOST, workers.clock)

    def another_reads_between(point: str) -> None:
        if point == "after batch_get_item":
            workers.dynamodb.around = lambda _point: None
            look(other, may_probe=True)

    workers.dynamodb.around = another_reads_between
    first = workers.new()

    assert [first.mode, other.mode] == [Mode.NONE, Mode.PROBE]


def test_who_may_not_probe_leaves_it_to_others(workers: Workers):
    workers.open()
    workers.until_probe()
    breaker = Breaker(ACCOUNT_ID, workers.shared, MOST, workers.clock)

    look(breaker, may_probe=False)

    assert breaker.mode is Mode.NONE
    assert workers.new().mode is Mode.PROBE


@pytest.mark.fault("worker-killed")
def test_a_probe_whose_worker_died_is_made_by_the_next_when_its_interval_is_over(workers: Workers):
    workers.open()
    workers.until_probe()
    workers.new()  # reserves the probe, and is never heard of again
    assert workers.new().mode is Mode.NONE

    workers.until_probe()

    assert workers.new().mode is Mode.PROBE


@pytest.mark.fault("outage-long")
def test_while_probes_fail_they_come_ever_less_often_and_cost_no_message(workers: Workers):
    workers.open()
    since = workers.clock.now
    waits = []

    while workers.clock.now < since + 3_600:
        workers.until_probe()
        breaker = workers.new()
        breaker.note_probe(works=False)
        assert not breaker.take()
        breaker.finish()
        waits.append(round(breaker.wait()))

    assert waits[:5] == [10, 20, 40, LONGEST_PROBE_SECONDS, LONGEST_PROBE_SECONDS]
    assert {*waits[4:]} == {LONGEST_PROBE_SECONDS}


def test_nothing_is_tried_before_the_probe_has_ended(workers: Workers):
    workers.open()
    workers.until_probe()

    assert not workers.new().take()


def test_after_a_probe_that_works_one_message_is_tried(workers: Workers):
    workers.open()
    workers.until_probe()
    breaker = workers.new()

    breaker.note_probe(works=True)

    assert [breaker.take(), breaker.take()] == [True, False]


def test_a_try_that_showed_nothing_is_given_back(workers: Workers):
    workers.open()
    workers.until_probe()
    breaker = workers.new()
    breaker.note_probe(works=True)
    breaker.take()

    breaker.give_back()

    assert [breaker.take(), breaker.take()] == [True, False]
    breaker.note(message(0), outage=False)
    assert workers.new().mode is Mode.NONE, "not told yet"


@pytest.mark.fault("credits-gone")
def test_where_each_probe_works_and_the_message_after_it_was_surely_not_sent_a_minute_is_the_longest_wait(
    workers: Workers,
):
    workers.open()

    for round_ in range(20):
        workers.until_probe()
        breaker = workers.new()
        breaker.note_probe(works=True)
        fail(breaker, 1, first=round_, in_doubt=False)
        breaker.finish()

    assert workers.state
    assert workers.state.probe_at / 1_000 - workers.clock.now <= LONGEST_PROBE_SECONDS


@pytest.mark.fault("outage-long")
def test_where_each_probe_works_and_the_message_after_it_fails_the_rounds_become_rare(workers: Workers):
    workers.open()
    since, lost = workers.clock.now, 0

    while workers.clock.now < since + 24 * 3_600:
        workers.until_probe()
        breaker = workers.new()
        breaker.note_probe(works=True)
        fail(breaker, 1, first=lost)
        lost += 1
        assert not breaker.take()
        breaker.finish()

    assert workers.state
    assert workers.state.probe_at / 1_000 - workers.clock.now <= LONGEST_LOSS_SECONDS
    assert lost <= 24 * 3_600 / LONGEST_LOSS_SECONDS + 6


def test_after_one_message_was_taken_a_few_are_tried_and_then_all(workers: Workers):
    workers.open()
    workers.until_probe()
    breaker = workers.new()
    breaker.note_probe(works=True)
    pass_one(breaker)

    assert [breaker.take() for _ in range(FEW + 1)] == [True] * FEW + [False]
    for n in range(FEW):
        assert breaker.mode is Mode.SOME
        breaker.note(message(n), outage=False)

    assert breaker.mode is Mode.ALL
    breaker.finish()
    assert workers.state is None
    assert workers.new().mode is Mode.ALL


def test_a_failure_among_the_few_opens_it_again(workers: Workers):
    workers.half_open()
    breaker = workers.new()
    assert breaker.mode is Mode.SOME

    pass_one(breaker)
    fail(breaker, 1)

    assert breaker.mode is Mode.NONE
    breaker.finish()
    assert workers.state
    assert workers.state.level is Level.OPEN
    assert workers.state.losses == 1


def test_what_ends_after_it_opened_again_changes_nothing(workers: Workers):
    workers.half_open()
    breaker = workers.new()
    for _ in range(FEW):
        breaker.take()

    breaker.note(message(0), outage=True)
    for n in range(1, FEW):
        breaker.note(message(n), outage=False)
    breaker.give_back()

    assert breaker.mode is Mode.NONE
    assert not breaker.take()


def test_a_worker_with_fewer_messages_than_the_few_closes_it_when_they_were_taken(workers: Workers):
    workers.half_open()
    breaker = workers.new()

    pass_one(breaker)
    breaker.finish()

    assert workers.state is None


def test_a_worker_without_messages_to_try_closes_nothing_and_holds_up_nobody(workers: Workers):
    workers.half_open()

    workers.new().finish()

    assert workers.state
    workers.until_probe()
    assert workers.new().mode is Mode.SOME


def test_a_worker_whose_messages_showed_nothing_closes_nothing(workers: Workers):
    workers.half_open()
    breaker = workers.new()

    breaker.take()
    breaker.give_back()
    breaker.finish()

    assert workers.state


def test_half_open_means_that_any_worker_may_try_a_few_at_once(workers: Workers):
    workers.half_open()

    assert workers.new().mode is Mode.SOME


def test_failures_of_before_an_outage_are_no_evidence_after_it(workers: Workers):
    # A worker saw some failures; then another opened the breaker, and closed it when the vendor was back.
    breaker = workers.new()
    fail(breaker, MOST - 1)
    workers.open()
    look(breaker, may_probe=False)
    workers.shared.close(ACCOUNT_ID)
    look(breaker, may_probe=True)

    fail(breaker, 1, first=50)

    assert breaker.mode is Mode.ALL


def test_failures_of_messages_in_flight_when_it_opened_are_no_evidence_later(workers: Workers):
    breaker = workers.open()
    for n in range(100, 100 + 10 * MOST - 1):
        breaker.note(message(n), outage=True)
    workers.shared.close(ACCOUNT_ID)
    look(breaker, may_probe=True)

    fail(breaker, 1, first=200)

    assert breaker.mode is Mode.ALL


# When the table is silent


@pytest.mark.fault("breaker-unreadable")
def test_a_worker_that_cannot_read_decides_alone(workers: Workers, capsys: pytest.CaptureFixture[str]):
    workers.dynamodb.down("batch_get_item", UNREACHED)

    assert workers.new().mode is Mode.ALL
    assert "shared breaker not available: this worker decides alone" in capsys.readouterr().out


@pytest.mark.fault("breaker-unreadable")
def test_a_worker_that_cannot_read_keeps_to_what_it_knows_and_probes_for_itself(workers: Workers):
    workers.dynamodb.down("batch_get_item", UNREACHED)
    workers.dynamodb.down("update_item", UNREACHED)
    breaker = workers.new()
    fail(breaker, MOST)
    breaker.finish()

    look(breaker, may_probe=True)
    assert breaker.mode is Mode.NONE
    workers.clock.sleep(FIRST_PROBE_SECONDS)
    look(breaker, may_probe=True)
    assert breaker.mode is Mode.PROBE
    breaker.note_probe(works=False)
    look(breaker, may_probe=True)
    assert breaker.mode is Mode.NONE, "it keeps its own intervals"
    workers.clock.sleep(LONGEST_PROBE_SECONDS)
    look(breaker, may_probe=True)
    breaker.note_probe(works=True)
    for _ in range(1 + FEW):
        pass_one(breaker)

    assert breaker.mode is Mode.ALL


@pytest.mark.fault("breaker-unreadable")
def test_a_worker_that_cannot_write_stops_all_the_same(workers: Workers):
    workers.dynamodb.down("update_item", DENIED)
    breaker = workers.new()

    fail(breaker, MOST)
    breaker.finish()

    assert breaker.mode is Mode.NONE


@pytest.mark.fault("breaker-unreadable")
def test_what_a_worker_could_not_tell_the_others_it_goes_by_itself(workers: Workers):
    workers.dynamodb.down("update_item", DENIED)
    breaker = workers.new()
    fail(breaker, MOST)
    breaker.finish()

    look(breaker, may_probe=True)
    assert breaker.mode is Mode.NONE, "the item can be read, and knows nothing of it"
    workers.clock.sleep(FIRST_PROBE_SECONDS)
    look(breaker, may_probe=True)
    assert breaker.mode is Mode.PROBE
    breaker.note_probe(works=False)
    breaker.finish()
    look(breaker, may_probe=True)
    assert breaker.mode is Mode.NONE, "it keeps its own intervals"
    workers.clock.sleep(LONGEST_PROBE_SECONDS)
    look(breaker, may_probe=True)
    breaker.note_probe(works=True)
    for _ in range(1 + FEW):
        pass_one(breaker)
    breaker.finish()

    look(breaker, may_probe=True)
    assert breaker.mode is Mode.ALL


def test_what_there_was_no_time_to_tell_a_worker_goes_by_itself_and_tells_with_its_next_probe(workers: Workers):
    breaker = workers.new()
    fail(breaker, MOST)
    breaker.finish(may_call=False)
    assert workers.state is None

    look(breaker, may_probe=True)
    assert breaker.mode is Mode.NONE
    workers.clock.sleep(FIRST_PROBE_SECONDS)
    look(breaker, may_probe=True)
    assert breaker.mode is Mode.PROBE
    assert workers.new().mode is Mode.NONE, "the others know it now"


@pytest.mark.fault("breaker-unreadable")
def test_who_may_not_probe_goes_by_what_it_could_not_tell_until_a_probe_would_be_due(workers: Workers):
    workers.dynamodb.fail("update_item", UNREACHED)
    breaker = Breaker(ACCOUNT_ID, workers.shared, MOST, workers.clock)
    fail(breaker, MOST)
    breaker.finish()

    look(breaker, may_probe=False)
    assert breaker.mode is Mode.NONE
    workers.clock.sleep(FIRST_PROBE_SECONDS)
    look(breaker, may_probe=False)
    assert breaker.mode is Mode.ALL, "nobody else would ever close it"


@pytest.mark.fault("breaker-unreadable")
def test_what_another_worker_tells_counts_more_than_what_one_could_not_tell(workers: Workers):
    workers.dynamodb.fail("update_item", UNREACHED)
    breaker = workers.new()
    fail(breaker, MOST)
    breaker.finish()
    workers.clock.sleep(1)
    workers.open()

    look(breaker, may_probe=True)
    assert breaker.wait() == pytest.approx(FIRST_PROBE_SECONDS)

    workers.shared.close(ACCOUNT_ID)
    look(breaker, may_probe=True)
    assert breaker.mode is Mode.ALL


def test_who_cannot_ask_again_is_told_to_wait_at_least_a_second(workers: Workers):
    breaker = workers.open()
    assert breaker.wait() == pytest.approx(FIRST_PROBE_SECONDS)

    workers.clock.sleep(60)

    assert breaker.wait() == 1.0


def test_nothing_is_closed_while_one_of_the_few_is_still_being_tried(workers: Workers):
    workers.half_open()
    breaker = workers.new()
    breaker.take()

    pass_one(breaker)
    breaker.finish()

    assert workers.state


def test_a_try_that_was_given_back_is_not_waited_for(workers: Workers):
    workers.half_open()
    breaker = workers.new()
    breaker.take()

    breaker.give_back()
    for _ in range(FEW):
        pass_one(breaker)

    assert breaker.mode is Mode.ALL
