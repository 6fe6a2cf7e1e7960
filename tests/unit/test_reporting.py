"""Every final fate reaches CleverTap once, however long it is down."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clevertap.callbacks import POST_SECONDS, Callbacks, Event
from bridge.message import OWN_ID_PREFIX, AccountUnavailable, Misconfigured, Status, UnknownAccount
from bridge.message_central.verdicts import BAD_NUMBER
from bridge.queues import MAX_BYTES, Queue
from bridge.reporting import FIRST_WAIT_SECONDS, GIVE_UP_SECONDS, Delayed, Reporter, decode, final_event
from bridge.telemetry import Tally
from tests.fakes.clevertap import SILENCES, Answer, FakeCleverTap
from tests.fakes.clock import Clock
from tests.fakes.faults import LOST_BEFORE, NOT_APPLIED, Fault
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, START, account, message, message_id
from tests.unit.conftest import Accounts, send_log
from tests.unit.receipt_doors import OTHER_ACCOUNT, OTHER_URL, URL, row

if TYPE_CHECKING:
    from urllib3.exceptions import HTTPError

DOWN = Answer(503, b"")
TIME = 59.0


def event(index: int = 0, of: str = ACCOUNT_ID, **changes: Any) -> Event:
    fields = {"account": of, "meta": message_id(index), "ts": int(START), "description": "x", "code": None}
    return Event(**(fields | changes))


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.sqs = FakeSQS(self.clock)
        self.clevertap = FakeCleverTap(self.clock.sleep)
        self.accounts = Accounts(
            {ACCOUNT_ID: account(), OTHER_ACCOUNT: account(id=OTHER_ACCOUNT, callback_url=OTHER_URL)}
        )
        callbacks = Callbacks()
        callbacks._http = self.clevertap
        queue = Queue("https://sqs.example/reports", self.sqs, lambda _seconds: None)
        self.reporter = Reporter(self.accounts, callbacks, queue, self.clock)
        self.tally = Tally()

    def report(self, *events: Event, seconds: float = TIME) -> list[Event]:
        return self.reporter.report(events, self.clock.deadline(seconds), self.tally)

    def retry(self, seconds: float = TIME, receives: int = 1) -> list[bool]:
        """Give everything that waits, with its delay over, once more."""
        due = [entry for entry in self.sqs.entries if entry.due <= self.clock.now]
        self.sqs.entries = [entry for entry in self.sqs.entries if entry not in due]
        end = self.clock.deadline(seconds)
        return [self.reporter.retry(decode(entry.body), receives, end, self.tally) for entry in due]

    def next(self) -> list[bool]:
        """Let time pass until the queue gives something, and give it."""
        self.clock.now = max(self.clock.now, min(entry.due for entry in self.sqs.entries))
        return self.retry()

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.tally.summary()["counts"])


@pytest.fixture
def world() -> World:
    return World()


# ── what is reported ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["rejected", "expired", "delivered", "undelivered"])
@pytest.mark.parametrize("before", ["sending", "sent", "unknown", "retrying", None])
def test_the_change_to_a_final_status_is_an_event(status: str, before: str | None):
    found = final_event(row(0, status), row(0, before) if before else {})

    assert found
    assert found.meta == message_id(0)


@pytest.mark.parametrize("status", ["sending", "sent", "unknown", "retrying"])
def test_a_status_that_is_not_final_is_none(status: str):
    assert final_event(row(0, status), {}) is None


@pytest.mark.parametrize("before", ["rejected", "expired", "delivered", "undelivered"])
def test_a_row_that_was_final_before_is_not_told_of_again(before: str):
    assert final_event(row(0, "delivered", text="forgotten"), row(0, before)) is None


@pytest.mark.parametrize("report", [False, None, "true", 1])
def test_only_what_clevertap_wants_to_know_is_told(report: Any):
    assert final_event(row(0, "delivered", report=report), row(0, "sent")) is None


def test_a_row_that_was_removed_is_no_event():
    assert final_event({}, row(0, "delivered")) is None


def test_ids_of_our_own_and_what_the_422_told_are_rows_that_want_no_report(dynamodb: Any):
    log, ours = send_log(dynamodb, Clock()), message(0, message_id=f"{OWN_ID_PREFIX}1")
    claim = log.new_claim(message(1), "worker/1", report=True)
    rows = [
        log.new_claim(ours, "worker/1", report=True, status=Status.REJECTED).row,
        log.outcome_row(claim, BAD_NUMBER, told=True),
    ]

    assert [final_event(one, {}) for one in rows] == [None, None]
    assert final_event(log.outcome_row(claim, BAD_NUMBER), {}), "without the 422 it is told"


# ── posting ──────────────────────────────────────────────────────────────────


def test_events_are_posted_and_counted(world: World):
    assert world.report(event(0), event(1, code="914")) == []

    [(url, items)] = world.clevertap.calls
    assert url == URL
    assert [(item["event"], item["meta"]) for item in items] == [
        ("delivered", message_id(0)),
        ("failed", message_id(1)),
    ]
    assert world.counts == {"ReportsPosted": 2}
    assert world.sqs.entries == []


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_a_call_holds_at_most_a_hundred(world: World, count: int, sizes: list[int]):
    world.report(*[event(n) for n in range(count)])

    assert [len(items) for _, items in world.clevertap.calls] == sizes
    assert set(world.clevertap.metas.values()) == {1}
    assert len(world.clevertap.metas) == count


def test_each_account_is_told_its_own_at_its_own_url(world: World):
    world.report(*[event(n, ACCOUNT_ID if n % 2 else OTHER_ACCOUNT) for n in range(10)])

    told = {url: {item["meta"] for item in items} for url, items in world.clevertap.calls}
    assert told == {
        URL: {message_id(n) for n in range(1, 10, 2)},
        OTHER_URL: {message_id(n) for n in range(0, 10, 2)},
    }


def test_one_account_that_is_down_does_not_hold_up_another(world: World):
    world.clevertap.by_url[OTHER_URL] = DOWN

    assert world.report(event(0, OTHER_ACCOUNT), event(1)) == []

    assert world.clevertap.metas == {message_id(1): 1}
    assert world.counts == {"ReportsPosted": 1, "ReportsRetried": 1}
    assert [entry.chunk["account"] for entry in world.sqs.entries] == [OTHER_ACCOUNT]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
def test_what_clevertap_refuses_is_counted_and_not_posted_again(world: World, status: int):
    world.clevertap.default = Answer(status, b"")

    assert world.report(event(0), event(1)) == []

    assert world.counts == {"ReportsRefused": 2}
    assert world.sqs.entries == []


def test_items_that_were_not_processed_are_counted_and_not_posted_again(world: World):
    world.clevertap.default = Answer(200, b'{"status": "partial", "unprocessed": [{}]}')

    assert world.report(event(0), event(1), event(2)) == []

    assert world.counts == {"ReportsPosted": 2, "ReportsRefused": 1}
    assert world.sqs.entries == []


def test_no_more_items_are_refused_than_were_posted(world: World):
    world.clevertap.default = Answer(200, b'{"unprocessed": [1, 2, 3]}')

    world.report(event())

    assert world.counts == {"ReportsRefused": 1}


def test_an_account_that_wants_no_reports_any_more_gets_none(world: World):
    world.accounts.known[ACCOUNT_ID] = account(callback_url=None)

    assert world.report(event()) == []

    assert (world.clevertap.calls, world.sqs.entries, world.counts) == ([], [], {})


# ── again ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", [Answer(500), DOWN, Answer(429), *SILENCES], ids=repr)
def test_what_clevertap_does_not_take_is_posted_after_ten_minutes(world: World, ending: Answer | HTTPError):
    world.clevertap.script.append(ending)

    assert world.report(event(0), event(1)) == []
    [entry] = world.sqs.entries
    assert entry.delay == FIRST_WAIT_SECONDS == 600
    assert world.next() == [True]

    assert world.clevertap.metas == {message_id(0): 1, message_id(1): 1}
    assert world.clock.now == START + 600
    assert world.sqs.entries == []
    assert world.counts == {"ReportsRetried": 2, "ReportsPosted": 2}


def test_the_waits_double_and_the_last_try_is_after_a_day(world: World):
    world.clevertap.default = DOWN
    world.report(event())
    tried, results = [], [True]

    while world.sqs.entries:
        before = len(world.clevertap.calls)
        results = world.next()
        if len(world.clevertap.calls) > before:
            tried.append(world.clock.now - START)

    # After 10 minutes, then 20, 40 … more; the last one not later than a day after the first.
    assert tried == [600, 1_800, 4_200, 9_000, 18_600, 37_800, 76_200, GIVE_UP_SECONDS]
    assert results == [False], "SQS makes it a dead letter"


def test_no_delay_is_longer_than_sqs_can_hold_and_nothing_is_posted_before_its_time(world: World):
    world.clevertap.script.extend([DOWN] * 3)
    world.report(event())
    delays = []

    while world.sqs.entries:
        delays.append(world.sqs.entries[0].delay)
        world.next()

    assert delays == [600, 900, 300, 900, 900, 600]
    assert world.clock.now == START + 600 + 1_200 + 2_400
    assert world.clevertap.metas == {message_id(): 1}


def test_a_delay_is_never_too_short_for_its_time():
    delayed = Delayed(ACCOUNT_ID, [event()], START, START + 0.4, 600)

    assert delayed.delay(START) == 1
    assert delayed.delay(START + 1) == 0


def test_a_queue_that_is_late_changes_nothing(world: World):
    world.clevertap.script.append(DOWN)
    world.report(event())

    world.clock.sleep(3 * 3_600)
    assert world.retry() == [True]

    assert world.clevertap.metas == {message_id(): 1}


@pytest.mark.parametrize("outage", [1, 599, 601, 3_600, 20 * 3_600, 23.9 * 3_600])
def test_after_an_outage_everything_has_arrived_once(world: World, outage: float):
    world.clevertap.default = DOWN
    for n in range(0, 300, 50):
        assert world.report(*[event(i) for i in range(n, n + 50)]) == []
        world.clock.sleep(outage / 6)
    while world.sqs.entries and world.clock.now < START + outage:
        assert all(world.next())
    world.clevertap.default = Answer()

    while world.sqs.entries:
        assert all(world.next())

    assert len(world.clevertap.metas) == 300
    assert set(world.clevertap.metas.values()) == {1}
    assert world.counts["ReportsPosted"] == 300


def test_an_answer_that_came_too_late_means_twice(world: World):
    """CleverTap does not deduplicate; README says when this happens."""
    world.clevertap.script.append(SILENCES[2])

    world.report(event())
    world.next()

    assert [items[0]["meta"] for _, items in world.clevertap.calls] == [message_id()] * 2


def test_a_dead_letter_is_not_posted_on_its_way_there_and_can_be_redriven(world: World):
    world.clevertap.default = DOWN
    letter = Delayed(ACCOUNT_ID, [event()], START, START + GIVE_UP_SECONDS, 76_800).encode()
    world.clock.sleep(GIVE_UP_SECONDS + 1)

    world.sqs._add(letter, 0)
    assert world.retry() == [False]
    assert len(world.clevertap.calls) == 1
    world.sqs._add(letter, 0)
    assert world.retry(receives=2) == [False]
    assert len(world.clevertap.calls) == 1, "only passed on"

    world.clevertap.default = Answer()
    world.sqs._add(letter, 0)
    assert world.retry(receives=1) == [True]
    assert world.clevertap.metas == {message_id(): 1}


def test_a_second_receive_within_the_day_is_posted(world: World):
    world.sqs._add(Delayed(ACCOUNT_ID, [event()], START, START, 600).encode(), 0)

    assert world.retry(receives=3) == [True]
    assert world.clevertap.metas == {message_id(): 1}


# ── the account cannot be read ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "counted"), [(AccountUnavailable("x"), 0), (Misconfigured("x"), 1), (UnknownAccount("x"), 1)]
)
def test_reports_wait_for_their_account(world: World, error: Exception, counted: int):
    world.accounts.known[ACCOUNT_ID] = error

    assert world.report(event(0), event(1, OTHER_ACCOUNT)) == []

    assert world.counts.get("AccountMisconfigured", 0) == counted
    assert world.clevertap.metas == {message_id(1): 1}
    world.accounts.known[ACCOUNT_ID] = account()
    assert world.next() == [True]
    assert world.clevertap.metas == {message_id(0): 1, message_id(1): 1}


# ── the queue or the time fails ──────────────────────────────────────────────


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_what_can_neither_be_posted_nor_queued_comes_back(world: World, fault: Fault):
    world.clevertap.by_url[URL] = DOWN
    world.sqs.down("send_message_batch", fault)

    assert world.report(event(0), event(1, OTHER_ACCOUNT), event(2)) == [event(0), event(2)]
    assert world.clevertap.metas == {message_id(1): 1}


def test_what_can_not_be_queued_anew_comes_again(world: World):
    world.clevertap.default = DOWN
    world.report(event())
    world.sqs.down("send_message_batch", LOST_BEFORE)

    assert world.next() == [False]


def test_a_working_clevertap_needs_no_queue(world: World):
    world.sqs.down("send_message_batch", LOST_BEFORE)

    assert world.report(event()) == []


def test_a_post_is_not_begun_when_it_could_not_be_ended(world: World):
    assert world.report(event(), seconds=POST_SECONDS - 0.1) == []

    assert world.clevertap.calls == []
    [entry] = world.sqs.entries
    assert entry.delay == 0, "it is due now"
    assert world.retry() == [True]
    assert world.clevertap.metas == {message_id(): 1}


def test_a_slow_clevertap_gets_what_there_is_time_for_and_the_rest_in_the_next_invocation(world: World):
    world.clevertap.seconds = 8.0
    world.report(*[event(n) for n in range(1_000)], seconds=59)

    posted = len(world.clevertap.taken)
    assert 0 < posted < 1_000
    assert world.clock.now < START + 59
    while world.sqs.entries:
        assert all(world.retry())

    assert len(world.clevertap.metas) == 1_000
    assert set(world.clevertap.metas.values()) == {1}


def test_ids_that_json_makes_long_fit_into_the_queue_all_the_same(world: World):
    world.clevertap.script.append(DOWN)
    events = [event(meta=f"{n:03}" + "\x01" * 509, description="\x02" * 200) for n in range(100)]

    assert world.report(*events) == []

    assert len(world.sqs.entries) > 1
    assert all(len(entry.body) <= MAX_BYTES for entry in world.sqs.entries)
    world.next()
    assert len(world.clevertap.metas) == 100


@given(
    st.lists(
        st.builds(Event, st.just(ACCOUNT_ID), st.text(), st.integers(0, 2**40), st.text(), st.none() | st.text()),
        min_size=1,
    ),
    st.floats(0, 4e9),
    st.floats(0, 1e6),
)
def test_delayed_events_come_back_as_they_went(events: list[Event], since: float, wait: float):
    delayed = Delayed(ACCOUNT_ID, events, since, since + wait, wait)

    found = decode(delayed.encode())

    assert (found.account, found.events, found.wait) == (ACCOUNT_ID, events, wait)
    assert math.isclose(found.since, since, abs_tol=0.002)
    assert math.isclose(found.due, since + wait, abs_tol=0.002)
    assert [one for part in delayed.parts() for one in part.events] == events


@pytest.mark.parametrize("body", ["", "7", "[]", "{}", '"text"', '{"events": [{}], "since": "", "due": "", "wait": 1}'])
def test_what_are_no_delayed_events_is_refused(body: str):
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(body)
