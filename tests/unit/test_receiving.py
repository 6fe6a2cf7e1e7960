"""Receipts find their messages, early ones wait for them, and none is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge import times
from bridge.message import Status
from bridge.message_central.receipts import WORDS, Receipt
from bridge.queues import Queue
from bridge.receipt_log import ReceiptLog
from bridge.receiving import GIVE_UP_SECONDS, PARKED_SECONDS, Parked, Receiver, decode
from bridge.telemetry import Tally
from tests.fakes.clock import Clock
from tests.fakes.dynamodb import FakeDynamoDB
from tests.fakes.faults import APPLIED, DENIED, LOST_AFTER, LOST_BEFORE, NOT_APPLIED, THROTTLED, Fault
from tests.fakes.sqs import FakeSQS
from tests.fakes.values import ACCOUNT_ID, START, account, message_id, number
from tests.unit.receipt_doors import OTHER_ACCOUNT, row

if TYPE_CHECKING:
    from bridge.accounts import Account

TIME = 9.5  # what a call of the function has


def dlr(index: int = 0, status: str = "DELIVRD", **changes: Any) -> Receipt:
    fields = {"verification_id": f"v{index}", "number": number(index)[3:], "status": status, "country_code": "91"}
    return Receipt(**(fields | changes))


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.dynamodb = FakeDynamoDB()
        self.sqs = FakeSQS(self.clock)
        queue = Queue("https://sqs.example/receipts", self.sqs, self.clock.sleep)
        log = ReceiptLog("SmsLog", self.dynamodb, self.clock)
        self.receiver = Receiver(log, queue, self.clock)
        self.tally = Tally()

    def take(self, *receipts: Receipt, of: Account | None = None, seconds: float = TIME) -> bool:
        return self.receiver.take(receipts, of or account(), self.clock.deadline(seconds), self.tally)

    def retry(self, of: Account | None = None, seconds: float = TIME) -> list[bool]:
        """Give everything that is parked once more."""
        entries, self.sqs.entries = self.sqs.entries, []
        end = self.clock.deadline(seconds)
        return [self.receiver.retry(decode(one.body), of or account(), end, self.tally) for one in entries]

    def status(self, index: int = 0) -> str:
        found = self.dynamodb.row((number(index), message_id(index)))
        assert found
        return str(found["status"])

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.tally.summary()["counts"])


@pytest.fixture
def world() -> World:
    return World()


# ── matching ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["sent", "unknown"])
def test_a_receipt_concludes_its_message(world: World, status: str):
    world.dynamodb.put(row(0, status))

    assert world.take(dlr())

    assert world.status() == "delivered"
    assert world.counts == {"ReceiptsDelivered": 1}
    assert world.sqs.entries == []


@pytest.mark.parametrize("word", [word for word, meaning in WORDS.items() if meaning])
def test_each_final_word_is_written(world: World, word: str):
    world.dynamodb.put(row())

    world.take(dlr(status=word))

    meaning = WORDS[word]
    assert meaning
    [found] = world.dynamodb.rows()
    assert (found["status"], found.get("code"), found["reason"]) == meaning
    metric = "ReceiptsDelivered" if meaning.status is Status.DELIVERED else "ReceiptsUndelivered"
    assert world.counts == {metric: 1}


@pytest.mark.parametrize("word", [word for word, meaning in WORDS.items() if not meaning])
def test_a_message_on_its_way_stays_as_it_is_and_the_log_is_not_asked(world: World, word: str):
    world.dynamodb.put(row())

    assert world.take(dlr(status=word))

    assert world.dynamodb.rows() == [row()]
    assert world.dynamodb.calls == {}
    assert world.counts == {}


WRITTEN = [
    (number()[3:], "91"),
    (number()[3:], "+91"),
    (number()[3:], "0091"),
    (number()[1:], "91"),
    (number(), "91"),
    ("00" + number()[1:], "91"),
    ("0" + number()[3:], "91"),
    (number(), None),
    (number()[1:], None),
    ("00" + number()[1:], None),
    (number()[3:], None),
    ("0" + number()[3:], None),
    (f"{number()[3:8]} {number()[8:]}", None),
    (number()[3:], "IN"),
]


@pytest.mark.parametrize(("written", "country_code"), WRITTEN)
def test_a_number_is_found_however_it_is_written(world: World, written: str, country_code: str | None):
    world.dynamodb.put(row())

    world.take(dlr(number=written, country_code=country_code))

    assert world.status() == "delivered"


@pytest.mark.parametrize(
    ("recipient", "country", "national"),
    [("+916591234567", "IN", "6591234567"), ("+14792345678", "US", "4792345678")],
    ids=["looks like Singapore", "looks like Norway"],
)
def test_a_national_number_that_looks_like_another_countrys_is_found(
    world: World, recipient: str, country: str, national: str
):
    world.dynamodb.put(row(0, recipient=recipient))

    world.take(dlr(number=national, country_code=None), of=account(country=country))

    assert world.dynamodb.statuses() == ["delivered"]


def test_a_number_of_another_country_is_found_by_its_country_code(world: World):
    world.dynamodb.put(row(0, recipient="+447400123456"))

    world.take(dlr(number="7400123456", country_code="44"))

    assert world.dynamodb.statuses() == ["delivered"]


@pytest.mark.parametrize("written", ["", "-", "no number", "٩٨٧٦٥", "9" * 90, "\ud800", "+", "1"])
def test_a_number_that_is_none_matches_nothing(world: World, written: str):
    world.dynamodb.put(row())

    assert world.take(dlr(number=written, country_code=None))

    assert world.status() == "sent"
    assert world.counts == {"ReceiptsUnmatched": 1}


def test_of_several_messages_to_a_number_the_one_with_the_id_is_meant(world: World):
    for n in range(4):
        world.dynamodb.put(row(0, messageId=f"m{n}.", verificationId=f"v{n}"))
    world.dynamodb.put(row(0, "unknown", messageId="m9."))

    world.take(dlr(2))  # another number's receipt with this id changes nothing
    world.take(dlr(0, verification_id="v2"))

    assert {str(found["messageId"]): found["status"] for found in world.dynamodb.rows()} == {
        "m0.": "sent", "m1.": "sent", "m2.": "delivered", "m3.": "sent", "m9.": "unknown"
    }  # fmt: skip


def test_a_receipt_for_no_message_changes_nothing_and_is_counted(world: World):
    world.dynamodb.put(row())

    assert world.take(dlr(verification_id="v999"), dlr(1))

    assert world.dynamodb.rows() == [row()]
    assert world.counts == {"ReceiptsUnmatched": 2}
    assert world.sqs.entries == []


@pytest.mark.parametrize("status", ["sent", "unknown", "sending"])
def test_a_receipt_of_one_account_cannot_touch_anothers_message(world: World, status: str):
    theirs = row(0, status, account=OTHER_ACCOUNT)
    world.dynamodb.put(theirs)

    assert world.take(dlr())
    world.clock.sleep(PARKED_SECONDS)
    world.retry()

    assert world.dynamodb.rows() == [theirs]
    assert world.counts == {"ReceiptsUnmatched": 1}


# ── once ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("second", ["DELIVRD", "UNDELIV", "EXPIRED", "ENROUTE"])
def test_the_first_final_report_counts(world: World, second: str):
    world.dynamodb.put(row())
    world.take(dlr())
    after_the_first = world.dynamodb.rows()
    world.clock.sleep(60)

    assert world.take(dlr(status=second))

    assert world.dynamodb.rows() == after_the_first
    assert world.counts == {"ReceiptsDelivered": 1}


def test_a_failure_is_not_mended_by_a_later_delivery(world: World):
    world.dynamodb.put(row())

    world.take(dlr(status="UNDELIV"))
    world.take(dlr(status="DELIVRD"))

    assert world.status() == "undelivered"


def test_the_same_receipts_in_one_call_change_the_log_once(world: World):
    world.dynamodb.put(row())

    assert world.take(*[dlr()] * 50)
    while world.sqs.entries:
        assert all(world.retry())

    assert [after for _, _, after in world.dynamodb.story] == ["sent", "delivered"]
    assert world.counts["ReceiptsDelivered"] == 1


def test_contradictions_in_one_call_leave_one_of_them(world: World):
    world.dynamodb.put(row())

    world.take(*[dlr(), dlr(status="UNDELIV")] * 10)
    while world.sqs.entries:
        world.retry()

    assert len(world.dynamodb.story) == 2


# ── early ────────────────────────────────────────────────────────────────────


def test_a_receipt_before_its_outcome_waits_for_it(world: World):
    world.dynamodb.put(row(0, "sending"))

    assert world.take(dlr())
    assert world.status() == "sending"
    assert world.counts == {"ReceiptsParked": 1}
    world.dynamodb.put(row(0, "sent"))
    assert world.retry() == [True]

    assert world.status() == "delivered"
    assert world.sqs.entries == []


def test_it_is_tried_with_growing_pauses_for_a_quarter_of_an_hour(world: World):
    world.dynamodb.put(
        row(0, "sending"),
    )
    world.dynamodb.put(row(0, "sending", messageId="another."))
    world.take(dlr())
    pauses = []

    while world.sqs.entries:
        [entry] = world.sqs.entries
        pauses.append(entry.delay)
        world.clock.sleep(entry.delay)
        assert world.retry() == [True]

    assert pauses == [8, 15, 30, 60, 120, 240, 450]
    assert sum(pauses) >= PARKED_SECONDS == 900
    assert world.counts["ReceiptsUnmatched"] == 1
    assert world.dynamodb.statuses() == ["sending", "sending"]


def test_what_is_still_being_sent_after_a_quarter_of_an_hour_died_with_its_worker(world: World):
    world.dynamodb.put(row(0, "sending"))
    world.take(dlr())

    world.clock.sleep(PARKED_SECONDS - 1)
    assert world.retry() == [True]
    assert world.status() == "sending"
    world.clock.sleep(1)
    assert world.retry() == [True]

    assert world.status() == "delivered"


def test_a_message_whose_sending_began_after_the_receipt_is_not_meant(world: World):
    world.dynamodb.put(row(0, "sending", claimedAt=times.iso(START + 6)))

    assert world.take(dlr())

    assert world.sqs.entries == []
    assert world.counts == {"ReceiptsUnmatched": 1}


def test_clocks_may_be_a_few_seconds_apart(world: World):
    world.dynamodb.put(row(0, "sending", claimedAt=times.iso(START + 4)))

    world.take(dlr())

    assert len(world.sqs.entries) == 1


def test_a_parked_receipt_is_judged_by_when_it_came(world: World):
    world.dynamodb.put(row(0, "sending"))
    world.take(dlr())
    world.dynamodb.put(row(0, "sent", verificationId="v5"))
    world.dynamodb.put(row(0, "unknown", messageId="later.", claimedAt=times.iso(START + 60)))
    world.clock.sleep(120)

    world.retry()

    assert world.dynamodb.statuses() == ["sent", "unknown"]
    assert world.counts["ReceiptsUnmatched"] == 1


def test_the_id_is_found_while_another_message_is_being_sent(world: World):
    world.dynamodb.put(row(0))
    world.dynamodb.put(row(0, "sending", messageId="another."))

    world.take(dlr())

    assert world.status() == "delivered"
    assert world.sqs.entries == []


# ── in doubt ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["unknown", "sent"])
def test_one_message_without_an_id_is_meant(world: World, status: str):
    world.dynamodb.put(row(0, status, verificationId=None))
    world.dynamodb.put(row(0, "delivered", messageId="before.", verificationId="v8"))

    world.take(dlr(verification_id="v9"))

    assert world.status() == "delivered"
    assert world.dynamodb.row((number(), message_id()))["verificationId"] == "v9"


def test_of_two_messages_without_an_id_neither_is_guessed(world: World):
    world.dynamodb.put(row(0, "unknown"))
    world.dynamodb.put(row(0, "sent", messageId="another.", verificationId=None))

    world.take(dlr())

    assert world.dynamodb.statuses() == ["sent", "unknown"]
    assert world.counts == {"ReceiptsUnmatched": 1}


def test_a_message_with_another_id_is_not_meant(world: World):
    world.dynamodb.put(row(0, "unknown", verificationId="v1"))

    world.take(dlr())

    assert world.status() == "unknown"


def test_a_message_claimed_after_the_receipt_came_is_not_meant(world: World):
    world.dynamodb.put(row(0, "unknown", claimedAt=times.iso(START + 6)))

    world.take(dlr())

    assert world.status() == "unknown"


@pytest.mark.parametrize("status", ["rejected", "expired", "retrying"])
def test_what_was_never_sent_is_not_meant(world: World, status: str):
    world.dynamodb.put(row(0, status))
    world.dynamodb.put({name: value for name, value in row(1, "rejected").items() if not name.startswith("claimed")})

    world.take(dlr(), dlr(1))

    assert world.status() == status
    assert world.counts == {"ReceiptsUnmatched": 2}


# ── the log or the queue fails ───────────────────────────────────────────────


@pytest.mark.parametrize("operation", ["query", "update_item"])
@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED], ids=repr)
def test_while_the_log_does_not_answer_receipts_wait(world: World, operation: str, fault: Fault):
    world.dynamodb.put(row())
    world.dynamodb.fail(operation, fault)

    assert world.take(dlr())
    assert len(world.sqs.entries) == 1
    world.retry()

    assert world.status() == "delivered"
    assert len(world.dynamodb.story) == 2


def test_a_log_that_does_not_answer_is_not_asked_for_each(world: World):
    world.dynamodb.down("query", LOST_BEFORE)

    assert world.take(*[dlr(n) for n in range(1_000)], seconds=60)

    assert world.dynamodb.calls["query"] <= 20
    assert len(world.sqs.entries) == 1_000


def test_what_there_is_no_time_to_look_up_is_parked(world: World):
    world.dynamodb.around = lambda point: world.clock.sleep(0.1 if point == "before query" else 0)
    for n in range(200):
        world.dynamodb.put(row(n))

    assert world.take(*[dlr(n) for n in range(200)])

    left = len(world.sqs.entries)
    assert 100 < left < 200
    assert world.dynamodb.statuses().count("delivered") == 200 - left
    world.dynamodb.around = lambda _point: None
    world.retry(seconds=60)
    assert {*world.dynamodb.statuses()} == {"delivered"}


def test_a_log_that_is_down_for_hours_loses_no_receipt(world: World):
    world.dynamodb.put(row())
    world.dynamodb.down("query", DENIED)
    world.take(dlr())

    while world.clock.now < START + 5 * 3_600:
        world.clock.sleep(world.sqs.entries[0].delay)
        assert world.retry() == [True]
        assert len(world.sqs.entries) == 1
    world.dynamodb.heal()
    world.retry()

    assert world.status() == "delivered"


def test_after_a_day_a_receipt_becomes_a_dead_letter_that_can_be_redriven(world: World):
    world.dynamodb.put(row())
    world.dynamodb.down("query", THROTTLED)
    world.take(dlr())
    [letter] = world.sqs.entries

    world.clock.sleep(GIVE_UP_SECONDS + 1)
    assert world.retry() == [False]
    assert world.sqs.entries == []
    world.dynamodb.heal()
    world.sqs.entries.append(letter)
    assert world.retry() == [True]

    assert world.status() == "delivered"


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=repr)
def test_what_can_neither_be_noted_nor_parked_has_to_come_again(world: World, fault: Fault):
    world.dynamodb.put(row(0, "sending"))
    world.dynamodb.put(row(1))
    world.sqs.down("send_message_batch", fault)

    assert not world.take(dlr(0), dlr(1))

    assert world.status(1) == "delivered", "the others are noted all the same"
    world.sqs.heal()
    assert world.take(dlr(0), dlr(1)), "and the repetition changes nothing"
    assert world.counts["ReceiptsDelivered"] == 1


def test_a_part_that_sqs_refuses_is_given_to_it_again(world: World):
    for n in range(12):
        world.dynamodb.put(row(n, "sending"))
    world.sqs.refused.extend([{0, 5}, {1}])

    assert world.take(*[dlr(n) for n in range(12)])

    assert sorted(entry.chunk["receipt"]["number"] for entry in world.sqs.entries) == [number(n)[3:] for n in range(12)]


def test_a_receipt_that_was_parked_twice_counts_once(world: World):
    world.dynamodb.put(row(0, "sending"))
    world.sqs.fail("send_message_batch", LOST_AFTER)
    assert world.take(dlr())
    assert len(world.sqs.entries) == 2

    world.dynamodb.put(row())
    assert world.retry() == [True, True]

    assert world.counts["ReceiptsDelivered"] == 1


def test_a_parked_receipt_that_cannot_be_queued_anew_comes_again(world: World):
    world.dynamodb.put(row(0, "sending"))
    world.take(dlr())
    world.sqs.down("send_message_batch", THROTTLED)

    assert world.retry() == [False]


def test_no_receipts_are_no_work(world: World):
    assert world.take()
    assert (world.dynamodb.calls, world.sqs.calls) == ({}, {})


@given(
    st.builds(Receipt, st.text(), st.text(), st.sampled_from([*WORDS]), st.none() | st.text(), st.none() | st.text()),
    st.floats(0, 4e9),
    st.integers(0, 1_000),
)
def test_a_parked_receipt_comes_back_as_it_went(receipt: Receipt, since: float, attempts: int):
    parked = Parked(ACCOUNT_ID, receipt, since, attempts)

    found = decode(parked.encode())

    assert (found.receipt, found.attempts, found.account) == (receipt, attempts, ACCOUNT_ID)
    assert found.since == pytest.approx(since, abs=0.002)


@pytest.mark.parametrize(
    "body",
    ["", "7", "[]", "{}", '"text"', json.dumps({"account": "a", "receipt": {}, "since": "", "attempts": 0})],
)
def test_what_is_no_parked_receipt_is_refused(body: str):
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(body)


def test_a_word_that_has_left_the_table_meanwhile_is_refused():
    body = Parked(ACCOUNT_ID, dlr(status="ONCE"), START, 0).encode()

    with pytest.raises(ValueError, match="no longer"):
        decode(body)


OPERATIONS = ("query", "update_item", "send_message_batch")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.data())
def test_whatever_fails_a_receipt_is_noted_or_parked_or_asked_for_again(data: st.DataObject):
    world = World()
    statuses = data.draw(st.lists(st.sampled_from(["sent", "unknown", "sending"]), min_size=1, max_size=5))
    for n, status in enumerate(statuses):
        world.dynamodb.put(row(n, status))
    for operation in data.draw(st.lists(st.sampled_from(OPERATIONS), max_size=6)):
        neighbour = world.sqs if operation == "send_message_batch" else world.dynamodb
        neighbour.fail(operation, data.draw(st.sampled_from([*NOT_APPLIED, *APPLIED])))

    taken = world.take(*[dlr(n) for n in range(len(statuses))])
    world.dynamodb.heal()
    world.sqs.heal()
    if not taken:  # the vendor was told so
        assert world.take(*[dlr(n) for n in range(len(statuses))])
    world.clock.sleep(PARKED_SECONDS)
    for _ in range(3):
        world.retry()

    assert world.dynamodb.statuses() == ["delivered"] * len(statuses)
    assert len(world.dynamodb.story) == 2 * len(statuses)
