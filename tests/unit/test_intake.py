"""What CleverTap asked for: one message is sent while it waits, many go to the queue (design §4)."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bridge.aws import CALL_SECONDS
from bridge.clevertap.requests import Readings
from bridge.intake import _WAITERS, PAUSE_SECONDS, Fate, Taken
from bridge.message import NothingAccepted, Outcome, Rejection
from bridge.message_central import verdicts
from bridge.queues import decode
from tests.fakes.faults import (
    APPLIED,
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    NOT_APPLIED,
    THROTTLED,
    UNREACHED,
    Crash,
    Fault,
    silence,
)
from tests.fakes.values import ACCOUNT_ID, account, message, message_id, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.conftest import Bridge

KEY = (number(1), message_id(1))
SECONDS = 13.5


def take_one(bridge: Bridge, index: int = 1, **changes: Any) -> Fate:
    end = bridge.clock.deadline(SECONDS)
    return bridge.intake.take_one(message(index, **changes), account(), "request", end, bridge.tally)


def rejection(index: int) -> Rejection:
    return Rejection(index, number(index), message_id(index), "900", "text is empty")


def take_many(bridge: Bridge, count: int, rejected: tuple[int, ...] = ()) -> Taken:
    places = [index for index in range(count) if index not in rejected]
    readings = Readings([message(n) for n in places], places, [rejection(n) for n in rejected])
    return bridge.intake.take_many(readings, account(), "request", bridge.clock.deadline(SECONDS), bridge.tally)


def status(bridge: Bridge, index: int = 1) -> Any:
    row = bridge.dynamodb.row((number(index), message_id(index)))
    return row and row["status"]


# One message


def test_one_message_is_sent_while_clevertap_waits(bridge: Bridge):
    assert take_one(bridge) == Fate("sent", message_id(1), verification_id="v1")

    assert status(bridge) == "sent"
    assert bridge.sqs.entries == []
    assert bridge.counts() == {"MessagesSent": 1, "MessagesAccepted": 1}


def test_what_the_vendor_rejects_is_told_in_the_answer_and_not_reported(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BAD_NUMBER)

    fate = take_one(bridge)

    assert (fate.status, fate.code) == ("rejected", "910")
    assert bridge.dynamodb.rows()[0]["report"] is False
    assert bridge.counts() == {"MessagesRejected": 1}


def test_without_an_answer_of_the_vendors_it_is_unknown_and_not_queued(bridge: Bridge):
    bridge.vendor.script.append(verdicts.LOST)

    assert take_one(bridge).status == "unknown"

    assert status(bridge) == "unknown"
    assert bridge.sqs.entries == []


def test_what_is_not_taken_now_is_queued_as_its_second_attempt(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)

    assert take_one(bridge) == Fate("queued", message_id(1))

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert (back.attempts, len(back.messages)) == (1, 1)
    assert status(bridge) == "retrying"
    bridge.dispatcher.dispatch([back], "w", bridge.clock.deadline(59), bridge.tally)
    assert status(bridge) == "sent"


def test_the_vendors_own_wait_is_the_delay(bridge: Bridge):
    bridge.vendor.script.append(verdicts.TOO_SOON)

    take_one(bridge)

    assert [entry.delay for entry in bridge.sqs.entries] == [60]


@pytest.mark.parametrize("before", ["sent", "rejected", "unknown", "delivered", "undelivered", "expired", "sending"])
def test_a_message_posted_again_is_a_duplicate(bridge: Bridge, before: str):
    bridge.dynamodb.put({**bridge.log.new_claim(message(1), "w/1", report=True).row, "status": before})

    assert take_one(bridge) == Fate("duplicate", message_id(1), was=before)
    assert bridge.vendor.tried == []
    assert bridge.counts() == {"MessagesDuplicate": 1}


def test_a_message_that_was_retrying_is_sent_by_a_second_post(bridge: Bridge):
    bridge.dynamodb.put({**bridge.log.new_claim(message(1), "w/1", report=True).row, "status": "retrying"})

    assert take_one(bridge).status == "sent"


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_when_the_log_does_not_answer_a_message_is_queued_unsent(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    assert take_one(bridge).status == "queued"
    assert bridge.vendor.tried == []

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    bridge.dispatcher.dispatch([back], "w", bridge.clock.deadline(59), bridge.tally)
    assert status(bridge) == "sent"


@pytest.mark.parametrize("outcome", [verdicts.SENT, verdicts.LOST, verdicts.BUSY, verdicts.BAD_NUMBER])
@pytest.mark.parametrize("fault", [UNREACHED, LOST_AFTER, DENIED])
def test_an_outcome_that_cannot_be_written_is_written_later(bridge: Bridge, outcome: Outcome, fault: Fault):
    bridge.vendor.script.append(outcome)
    bridge.dynamodb.fail("put_item", None, *silence(fault))

    take_one(bridge)

    carried = [chunk for entry in bridge.sqs.entries if (chunk := decode(entry.body)).outcomes]
    assert len(carried) == 1
    bridge.dispatcher.dispatch(carried, "w", bridge.clock.deadline(59), bridge.tally)
    assert status(bridge) == outcome.status.value


def test_when_neither_vendor_nor_queue_can_be_reached_nothing_is_accepted_and_nothing_will_be_sent(bridge: Bridge):
    bridge.vendor.script.append(verdicts.UNREACHED)
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    with pytest.raises(NothingAccepted):
        take_one(bridge)

    # … though the chunk is there: the answer that said so was lost.
    assert status(bridge) == "rejected"
    for entry in bridge.sqs.entries:
        bridge.dispatcher.dispatch([decode(entry.body)], "w", bridge.clock.deadline(59), bridge.tally)
    assert bridge.vendor.sent == {}
    assert bridge.dynamodb.rows()[0]["report"] is False


@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER])
@pytest.mark.parametrize("outage", ["vendor", "log"])
def test_a_doubt_about_the_queue_is_no_promise_that_it_has_the_message(bridge: Bridge, fault: Fault, outage: str):
    # The row that voiding finds may be this request's own claim: that does not tell that a worker has the message.
    if outage == "vendor":
        bridge.vendor.script.append(verdicts.UNREACHED)
    else:
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.sqs.down("send_message_batch", fault)
    try:
        take_one(bridge)
    except NothingAccepted:
        accepted = False
    else:
        accepted = True

    for entry in bridge.sqs.entries:
        bridge.dispatcher.dispatch([decode(entry.body)], "w", bridge.clock.deadline(59), bridge.tally)
    if accepted:
        assert status(bridge) not in (None, "retrying", "sending"), "told that it is queued, and it is nowhere"
    else:
        assert bridge.vendor.sent == {}


def test_when_neither_log_nor_queue_can_be_reached_nothing_will_be_sent(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_BEFORE))
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    with pytest.raises(NothingAccepted):
        take_one(bridge)

    for entry in bridge.sqs.entries:
        bridge.dispatcher.dispatch([decode(entry.body)], "w", bridge.clock.deadline(59), bridge.tally)
    assert bridge.vendor.sent == {}


def test_after_an_outage_single_messages_go_to_the_queue_for_a_while(bridge: Bridge):
    bridge.vendor.script.append(verdicts.LOST)
    take_one(bridge, 1)

    assert take_one(bridge, 2).status == "queued"
    assert len(bridge.vendor.tried) == 1
    assert status(bridge, 2) is None, "not claimed: the queue's worker does that"

    bridge.clock.sleep(PAUSE_SECONDS)
    assert take_one(bridge, 3).status == "sent"


def test_an_outage_of_one_account_does_not_pause_another(bridge: Bridge):
    bridge.vendor.script.append(verdicts.NO_CREDIT)
    take_one(bridge)
    end = bridge.clock.deadline(SECONDS)

    other = message(2, account="OTHER")

    assert bridge.intake.take_one(other, account(id="OTHER"), "r", end, bridge.tally).status == "sent"


@contextmanager
def trickle(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A vendor whose answer trickles past every deadline, until it is let go."""
    go = threading.Event()
    bridge.vendor.meanwhile = lambda: go.wait(5) and None
    monkeypatch.setattr("bridge.intake.GRACE_SECONDS", 0.05 - 10)  # the fake clock stands: no test waits for 10 s
    yield
    go.set()
    bridge.vendor.meanwhile = lambda: None


def test_an_answer_that_trickles_is_unknown_and_looked_after_by_the_queue(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
):
    with trickle(bridge, monkeypatch):
        assert take_one(bridge).status == "unknown"

    [entry] = bridge.sqs.entries
    assert entry.delay == 900
    bridge.clock.sleep(entry.delay)
    bridge.dispatcher.dispatch([decode(entry.body)], "w", bridge.clock.deadline(59), bridge.tally)
    assert status(bridge) == "unknown"
    assert bridge.vendor.sent[KEY] <= 1


def test_an_answer_that_trickles_is_unknown_even_without_the_queue(bridge: Bridge, monkeypatch: pytest.MonkeyPatch):
    bridge.sqs.down("send_message_batch", UNREACHED)

    with trickle(bridge, monkeypatch):
        assert take_one(bridge).status == "unknown", "a 5xx would make CleverTap send it by another way"


def test_after_an_answer_that_trickled_single_messages_go_to_the_queue_for_a_while(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
):
    with trickle(bridge, monkeypatch):
        take_one(bridge)

    assert take_one(bridge, 2).status == "queued"


def test_a_message_that_waits_behind_answers_that_trickle_is_queued_unsent(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
):
    with trickle(bridge, monkeypatch):
        for index in range(_WAITERS):
            take_one(bridge, index)
            bridge.clock.sleep(PAUSE_SECONDS)
        fate = take_one(bridge, 50)

    assert fate.status == "queued", "no thread was free to begin it, so nothing is in doubt"


def test_a_crash_is_no_answer(bridge: Bridge):
    bridge.vendor.script.append(Crash())

    with pytest.raises(Crash):
        take_one(bridge)

    assert status(bridge) == "sending"


@pytest.mark.parametrize("outcome", [verdicts.LOST, verdicts.BUSY, verdicts.SENT])
def test_the_answer_is_there_in_time_though_the_log_hangs_after_the_vendor_took_all_it_may(
    bridge: Bridge, outcome: Outcome
):
    bridge.vendor.script.append(outcome)
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(9.5)
    bridge.dynamodb.fail("put_item", None)
    bridge.dynamodb.down("put_item", LOST_BEFORE)
    slow = iter([0.0] + [CALL_SECONDS] * 10)
    bridge.dynamodb.around = lambda point: bridge.clock.sleep(next(slow)) if point == "before put_item" else None
    start = bridge.clock.now

    take_one(bridge)

    assert bridge.clock.now - start <= 14.0, "CleverTap got a 5xx for a message that was taken"


# Records that cannot be messages


def test_a_single_rejected_record_is_logged_and_not_reported(bridge: Bridge):
    end = bridge.clock.deadline(SECONDS)

    fate = bridge.intake.reject_one(rejection(1), account(), end, bridge.tally)

    assert (fate.status, fate.code, fate.reason) == ("rejected", "900", "text is empty")
    [row] = bridge.dynamodb.rows()
    assert (row["status"], row["report"], row["attempts"]) == ("rejected", False, 0)


@pytest.mark.parametrize("queue_fault", [None, UNREACHED])
def test_a_rejection_is_answered_though_it_cannot_be_logged(bridge: Bridge, queue_fault: Fault | None):
    bridge.dynamodb.down("put_item", UNREACHED)
    bridge.sqs.down("send_message_batch", queue_fault)

    fate = bridge.intake.reject_one(rejection(1), account(), bridge.clock.deadline(SECONDS), bridge.tally)

    assert fate.status == "rejected"
    assert bridge.counts().get("OutcomesUnrecorded") == (1 if queue_fault else None)


# Many


def test_many_messages_are_queued_and_none_is_sent(bridge: Bridge):
    assert take_many(bridge, 250) == Taken(250, [])

    chunks = [decode(entry.body) for entry in bridge.sqs.entries]
    assert [len(chunk.messages) for chunk in chunks] == [100, 100, 50]
    assert {(chunk.account, chunk.attempts, chunk.request) for chunk in chunks} == {(ACCOUNT_ID, 0, "request")}
    assert bridge.vendor.tried == []
    assert bridge.dynamodb.rows() == []
    assert bridge.counts() == {"MessagesAccepted": 250}


def test_rejected_records_are_logged_and_reported_and_the_others_queued(bridge: Bridge):
    taken = take_many(bridge, 10, rejected=(2, 5))

    assert taken.accepted == 8
    assert [item.index for item in taken.rejected] == [2, 5]
    assert {(row["status"], row["report"]) for row in bridge.dynamodb.rows()} == {("rejected", True)}
    assert len(bridge.dynamodb.rows()) == 2


def test_where_all_are_rejected_the_answer_tells_it_and_no_report_is_due(bridge: Bridge):
    taken = take_many(bridge, 3, rejected=(0, 1, 2))

    assert taken.accepted == 0
    assert {row["report"] for row in bridge.dynamodb.rows()} == {False}
    assert bridge.sqs.entries == []


def test_what_sqs_refuses_for_good_is_rejected_with_904_at_its_place(bridge: Bridge):
    bridge.sqs.refused.extend([{1}, {0}, {0}])

    taken = take_many(bridge, 250, rejected=(0, 120))

    assert taken.accepted == 148
    lost = [item for item in taken.rejected if item.code == "904"]
    assert [item.index for item in lost] == [n for n in range(101, 202) if n != 120]
    assert [item.index for item in taken.rejected] == sorted(item.index for item in taken.rejected)
    assert status(bridge, 150) == "rejected"
    assert status(bridge, 50) is None
    assert bridge.dynamodb.row((number(150), message_id(150)))["report"] is True  # type: ignore[index]


@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_where_nothing_could_be_queued_nothing_is_accepted_and_nothing_will_be_sent(bridge: Bridge, fault: Fault):
    bridge.sqs.down("send_message_batch", fault)

    with pytest.raises(NothingAccepted):
        take_many(bridge, 30, rejected=(3,))

    for entry in bridge.sqs.entries:
        bridge.dispatcher.dispatch([decode(entry.body)], "w", bridge.clock.deadline(59), bridge.tally)
    assert bridge.vendor.sent == {}


def test_however_long_sqs_takes_to_leave_a_batch_in_doubt_there_is_time_to_make_it_void(bridge: Bridge):
    bridge.sqs.down("send_message_batch", LOST_AFTER)
    bridge.sqs.around = lambda point: (
        bridge.clock.sleep(CALL_SECONDS - 1) if point == "before send_message_batch" else None
    )

    with pytest.raises(NothingAccepted):
        take_many(bridge, 1_500)  # two calls a round

    bridge.sqs.around = lambda _: None
    for entry in bridge.sqs.entries:
        bridge.dispatcher.dispatch([decode(entry.body)], "w", bridge.clock.deadline(59), bridge.tally)
    assert bridge.sqs.entries
    assert bridge.vendor.sent == {}


def test_a_chunk_in_doubt_that_a_worker_has_already_sent_was_accepted(bridge: Bridge):
    # The queue took the chunk, and its answer was lost; a worker is quicker than our second call.
    def work(point: str) -> None:
        if point == "after send_message_batch":
            for entry in bridge.sqs.entries:
                bridge.dispatcher.dispatch([decode(entry.body)], "w", bridge.clock.deadline(59), bridge.tally)

    bridge.sqs.around = work
    bridge.sqs.down("send_message_batch", LOST_AFTER)
    try:
        told = {item.message_id for item in take_many(bridge, 3).rejected}
    except NothingAccepted:
        told = {message_id(n) for n in range(3)}

    sent = {key[1] for key in bridge.vendor.sent}
    assert not sent & told, "CleverTap was told that these were not taken, and they were sent"


@pytest.mark.parametrize("fault", [THROTTLED, LOST_AFTER])
def test_a_batch_queued_at_the_second_call_is_accepted_whole(bridge: Bridge, fault: Fault):
    bridge.sqs.fail("send_message_batch", fault)

    assert take_many(bridge, 120) == Taken(120, [])


def test_rejections_that_cannot_be_logged_travel_by_the_queue(bridge: Bridge):
    bridge.dynamodb.down("put_item", UNREACHED)

    assert take_many(bridge, 5, rejected=(1, 2)).accepted == 3

    carried = [chunk for entry in bridge.sqs.entries if (chunk := decode(entry.body)).outcomes]
    bridge.dynamodb.heal()
    bridge.dispatcher.dispatch(carried, "w", bridge.clock.deadline(59), bridge.tally)
    assert bridge.dynamodb.statuses() == ["rejected", "rejected"]


def test_after_a_batch_is_queued_a_slow_log_does_not_use_up_the_answers_time(bridge: Bridge):
    # Each write takes 1.5 s: 320 of them, 16 at once, are 30 s.
    lock, calls = threading.Lock(), [0]

    def slow(point: str) -> None:
        if point == "before put_item":
            with lock:
                calls[0] += 1
                bridge.clock.now += 1.5 / 16

    bridge.dynamodb.around = slow
    start = bridge.clock.now

    take_many(bridge, 330, rejected=tuple(range(320)))

    assert bridge.clock.now - start <= 14.0, "CleverTap got a 5xx for a batch that was taken"


def test_texts_of_rejected_records_are_kept_for_the_log(bridge: Bridge):
    bridge.sqs.refused.extend([{0}] * 3)
    with pytest.raises(NothingAccepted):
        take_many(bridge, 2)
    bridge.sqs.refused.extend([{1}, {0}, {0}])
    take_many(bridge, 150)

    assert (bridge.dynamodb.row((number(149), message_id(149))) or {})["text"] == text()
    assert status(bridge, 149) == "rejected"
