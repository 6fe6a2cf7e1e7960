"""One message: sent while CleverTap waits, or queued; and records that cannot be messages."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from bridge.accept import LOG_PAUSE_SECONDS, LOOK_SECONDS
from bridge.aws import CALL_SECONDS
from bridge.breaker import SINGLE_FAILURES
from bridge.campaigns.shared_breaker import FIRST_PROBE_SECONDS
from bridge.chunk import decode
from bridge.errors import NothingAccepted
from bridge.message import Outcome, Status
from bridge.message_central import verdicts
from tests.fakes.campaigns import breaker_in
from tests.fakes.faults import (
    APPLIED,
    DENIED,
    LOST_AFTER,
    LOST_BEFORE,
    NOT_APPLIED,
    UNREACHED,
    Crash,
    Fault,
    silence,
)
from tests.fakes.values import message, message_id, number
from tests.unit.harness import ACCEPT_SECONDS
from tests.unit.posts import post_one, record, status, work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.harness import Bridge

KEY = (number(1), message_id(1))


def answered(status: str, **more: str) -> dict[str, str]:
    return {"status": status, "messageId": message_id(1), **more}


def lay(bridge: Bridge, status: str) -> None:
    """Message 1 is in the log already."""
    claim = bridge.log.new_claim(message(1), "w/1", report=True)
    bridge.dynamodb.put(replace(claim.row, status=Status(status)))


# One message


@pytest.mark.fault("vendor-hangs", "breaker-unreadable")
def test_an_outcome_is_recorded_before_the_breaker_is_told_which_may_take_the_time_that_is_left(bridge: Bridge):
    bridge.vendor.default = verdicts.LOST
    post_one(bridge, 2)
    seen: list[str | None] = []
    bridge.dynamodb.around = lambda point: seen.append(status(bridge)) if point == "before update_item" else None

    post_one(bridge)

    assert seen == ["unknown"]


def test_one_message_is_sent_while_clevertap_waits(bridge: Bridge):
    assert post_one(bridge) == answered("sent", verificationId="v1")

    assert status(bridge) == "sent"
    assert bridge.sqs.entries == []
    assert bridge.counts() == {"MessagesSent": 1, "MessagesAccepted": 1}


@pytest.mark.parametrize("outcome", [verdicts.SENT, verdicts.LOST])
def test_of_a_message_that_may_be_out_the_end_is_yet_to_be_reported(bridge: Bridge, outcome: Outcome):
    bridge.vendor.script.append(outcome)

    post_one(bridge)

    assert bridge.dynamodb.rows()[0].report is True


def test_what_the_vendor_rejects_is_told_in_the_answer_and_not_reported(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BAD_NUMBER)

    answer = bridge.post(record())

    assert (answer.status, answer.body["code"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, "910")
    assert bridge.dynamodb.rows()[0].report is False
    assert bridge.counts() == {"MessagesRejected": 1}


def test_without_an_answer_of_the_vendors_it_is_unknown_and_not_queued(bridge: Bridge):
    bridge.vendor.script.append(verdicts.LOST)

    assert post_one(bridge)["status"] == "unknown"

    assert status(bridge) == "unknown"
    assert bridge.sqs.entries == []
    assert bridge.counts() == {"MessagesUnknown": 1, "MessagesAccepted": 1}


@pytest.mark.fault("vendor-down")
def test_what_is_not_taken_now_is_queued_as_its_second_attempt(bridge: Bridge):
    bridge.vendor.script.append(verdicts.BUSY)

    assert post_one(bridge) == answered("queued")

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    assert (back.attempts, len(back.messages)) == (1, 1)
    assert status(bridge) == "retrying"
    bridge.dispatch(back)
    assert status(bridge) == "sent"


def test_the_vendors_own_wait_is_the_delay(bridge: Bridge):
    bridge.vendor.script.append(verdicts.TOO_SOON)

    post_one(bridge)

    assert [entry.delay for entry in bridge.sqs.entries] == [60]


@pytest.mark.fault("posted-twice")
@pytest.mark.parametrize("before", ["sent", "rejected", "unknown", "delivered", "undelivered", "expired", "sending"])
def test_a_message_posted_again_is_a_duplicate(bridge: Bridge, before: str):
    lay(bridge, before)

    assert post_one(bridge) == answered("duplicate", was=before)
    assert bridge.vendor.tried == []
    counted = "MessagesPostponed" if before == "sending" else "MessagesDuplicate"
    assert bridge.counts() == {counted: 1}


def test_a_message_that_was_retrying_is_sent_by_a_second_post(bridge: Bridge):
    lay(bridge, "retrying")

    assert post_one(bridge)["status"] == "sent"


@pytest.mark.fault("table-hangs", "answer-lost")
@pytest.mark.parametrize("fault", [*NOT_APPLIED, *APPLIED])
def test_when_the_log_does_not_answer_a_message_is_queued_unsent(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))

    assert post_one(bridge)["status"] == "queued"
    assert bridge.vendor.tried == []

    [back] = [decode(entry.body) for entry in bridge.sqs.entries]
    bridge.dispatch(back)
    assert status(bridge) == "sent"


@pytest.mark.fault("outcome-unwritten")
@pytest.mark.parametrize("outcome", [verdicts.SENT, verdicts.LOST, verdicts.BAD_NUMBER])
@pytest.mark.parametrize("fault", [UNREACHED, LOST_AFTER, DENIED])
def test_an_outcome_that_cannot_be_written_is_written_later(bridge: Bridge, outcome: Outcome, fault: Fault):
    bridge.vendor.script.append(outcome)
    bridge.dynamodb.fail("put_item", None, *silence(fault))

    post_one(bridge)

    carried = [chunk for entry in bridge.sqs.entries if (chunk := decode(entry.body)).outcomes]
    assert len(carried) == 1
    bridge.dispatch(*carried)
    assert status(bridge) == outcome.status.value


@pytest.mark.fault("queue-refuses")
def test_when_neither_vendor_nor_queue_can_be_reached_nothing_is_accepted_and_nothing_will_be_sent(bridge: Bridge):
    bridge.vendor.script.append(verdicts.UNREACHED)
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    with pytest.raises(NothingAccepted):
        post_one(bridge)

    # … though the chunk is there: the answer that said so was lost.
    assert status(bridge) == "rejected"
    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    assert bridge.vendor.sent == {}
    assert bridge.dynamodb.rows()[0].report is False


@pytest.mark.fault("queue-in-doubt")
@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER])
@pytest.mark.parametrize("outage", ["vendor", "log"])
def test_a_doubt_about_the_queue_is_no_promise_that_it_has_the_message(bridge: Bridge, fault: Fault, outage: str):
    # The row that cancelling finds may be this request's own claim: that does not tell that a worker has the message.
    if outage == "vendor":
        bridge.vendor.script.append(verdicts.UNREACHED)
    else:
        bridge.dynamodb.fail("put_item", *silence(LOST_AFTER))
    bridge.sqs.down("send_message_batch", fault)
    try:
        post_one(bridge)
    except NothingAccepted:
        accepted = False
    else:
        accepted = True

    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    if accepted:
        assert status(bridge) not in (None, "retrying", "sending"), "told that it is queued, and it is nowhere"
    else:
        assert bridge.vendor.sent == {}


@pytest.mark.fault("queue-in-doubt")
def test_however_long_sqs_takes_to_leave_a_message_in_doubt_there_is_time_to_cancel_it(bridge: Bridge):
    bridge.vendor.script.append(verdicts.UNREACHED)
    bridge.vendor.meanwhile = lambda: bridge.clock.sleep(4.5)
    bridge.sqs.down("send_message_batch", LOST_AFTER)
    bridge.sqs.around = lambda point: bridge.clock.sleep(CALL_SECONDS - 1) if "before" in point else None

    with pytest.raises(NothingAccepted):
        post_one(bridge)

    assert status(bridge) == "rejected"
    assert bridge.sqs.entries
    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    assert bridge.vendor.sent == {}


@pytest.mark.fault("outcome-unwritten")
def test_an_outcome_that_neither_the_log_nor_the_queue_take_is_said_aloud(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
):
    bridge.dynamodb.fail("put_item", None, *silence(UNREACHED))
    bridge.sqs.down("send_message_batch", UNREACHED)

    assert post_one(bridge)["status"] == "sent"

    assert "neither the log nor the queue took them" in capsys.readouterr().out


def test_when_neither_log_nor_queue_can_be_reached_nothing_will_be_sent(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_BEFORE))
    bridge.sqs.down("send_message_batch", LOST_AFTER)

    with pytest.raises(NothingAccepted):
        post_one(bridge)

    for entry in bridge.sqs.entries:
        bridge.dispatch(decode(entry.body))
    assert bridge.vendor.sent == {}


@pytest.mark.fault("poisonous-text")
def test_one_message_that_fails_is_no_evidence_however_often_it_comes(bridge: Bridge):
    for _ in range(3):
        bridge.vendor.script.append(verdicts.UNREACHED)
        post_one(bridge, 1)

    assert post_one(bridge, 2)["status"] == "sent"


@pytest.mark.fault("outage-long")
def test_after_two_messages_that_failed_single_messages_go_to_the_queue_for_a_while(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST] * SINGLE_FAILURES)
    for index in range(SINGLE_FAILURES):
        post_one(bridge, index + 10)

    assert post_one(bridge, 2)["status"] == "queued"
    assert len(bridge.vendor.tried) == SINGLE_FAILURES
    assert status(bridge, 2) is None, "not claimed: the queue's worker does that"
    assert bridge.counts()["SendingPaused"] == 1
    [entry] = bridge.sqs.entries
    assert (entry.queue, entry.delay) == ("single", FIRST_PROBE_SECONDS)

    bridge.clock.sleep(max(entry.delay, LOOK_SECONDS))
    work(bridge)
    assert post_one(bridge, 3)["status"] == "queued", "one was sent: a few more have to be"
    work(bridge)
    bridge.clock.sleep(LOOK_SECONDS)
    assert post_one(bridge, 4)["status"] == "sent"


def test_other_instances_learn_of_an_outage(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.LOST] * SINGLE_FAILURES)
    for index in range(SINGLE_FAILURES):
        post_one(bridge, index + 10)

    bridge.new_environment()

    assert post_one(bridge)["status"] == "queued"


def test_an_outage_of_one_account_does_not_pause_another(bridge: Bridge):
    bridge.vendor.script.extend([verdicts.NO_CREDIT] * SINGLE_FAILURES)
    for index in range(SINGLE_FAILURES):
        post_one(bridge, index + 10)

    assert post_one(bridge, id="OTHER")["status"] == "sent"


@pytest.mark.fault("table-hangs")
def test_while_the_log_does_not_answer_the_next_messages_do_not_wait_for_it(bridge: Bridge):
    bridge.dynamodb.fail("put_item", *silence(LOST_BEFORE))
    post_one(bridge, 1)
    asked = bridge.dynamodb.calls["put_item"]

    assert post_one(bridge, 2)["status"] == "queued"
    assert bridge.dynamodb.calls["put_item"] == asked

    bridge.clock.sleep(LOG_PAUSE_SECONDS)
    assert post_one(bridge, 3)["status"] == "sent"


@pytest.mark.fault("table-hangs")
@pytest.mark.parametrize("fault", [LOST_BEFORE, DENIED])
def test_messages_that_come_while_the_log_is_left_alone_do_not_prolong_that(bridge: Bridge, fault: Fault):
    bridge.dynamodb.fail("put_item", *silence(fault))
    assert post_one(bridge, 1)["status"] == "queued"

    for index in range(2, 7):
        bridge.clock.sleep(LOG_PAUSE_SECONDS / 5)
        last = post_one(bridge, index)

    assert last["status"] == "sent"


def takes_its_time(bridge: Bridge, *silent: str) -> None:
    """A vendor that lets each message wait as long as it may; of the second one on, DynamoDB hangs in these calls."""

    def hang(point: str) -> None:
        if point in [f"before {operation}" for operation in silent]:
            bridge.clock.sleep(CALL_SECONDS)

    def wait() -> None:
        bridge.clock.sleep(9.9)
        if len(bridge.vendor.tried) == SINGLE_FAILURES - 1:
            bridge.dynamodb.around = hang
            for operation in silent:
                bridge.dynamodb.down(operation, LOST_BEFORE)

    bridge.vendor.meanwhile = wait


@pytest.mark.fault("table-hangs")
def test_clevertap_has_its_answer_in_time_though_neither_outcome_nor_breaker_can_be_written(bridge: Bridge):
    bridge.vendor.default = verdicts.LOST
    takes_its_time(bridge, "put_item", "update_item")
    post_one(bridge, 1)
    begun = bridge.clock()

    assert post_one(bridge, 2)["status"] == "unknown"
    assert bridge.clock() - begun <= ACCEPT_SECONDS


@pytest.mark.fault("breaker-unreadable")
def test_a_breaker_that_cannot_be_written_does_not_take_the_time_to_queue_the_message(bridge: Bridge):
    bridge.vendor.default = verdicts.UNREACHED
    takes_its_time(bridge, "update_item")
    post_one(bridge, 1)

    assert post_one(bridge, 2)["status"] == "queued"


def test_a_breaker_that_opens_late_is_told_to_the_others_once_the_message_is_queued(bridge: Bridge):
    bridge.vendor.default = verdicts.UNREACHED
    takes_its_time(bridge)
    for index in range(SINGLE_FAILURES):
        assert post_one(bridge, index)["status"] == "queued"

    assert breaker_in(bridge.dynamodb)


@contextmanager
def hangs(bridge: Bridge) -> Iterator[None]:
    """A vendor that has the message and does not answer until the block is left."""
    go = threading.Event()

    def hang() -> None:
        bridge.clock.sleep(10.2)  # past the time for sending
        go.wait(5)

    bridge.vendor.meanwhile = hang
    yield
    go.set()
    bridge.vendor.meanwhile = lambda: None


@pytest.mark.fault("vendor-hangs")
def test_a_call_that_does_not_end_is_unknown_and_looked_after_by_the_queue(bridge: Bridge):
    with hangs(bridge):
        assert post_one(bridge) == answered("unknown")

    [entry] = bridge.sqs.entries
    bridge.clock.sleep(900)
    bridge.dispatch(decode(entry.body))
    assert status(bridge) == "unknown"
    assert bridge.counts()["MessagesUnknown"] == 1
    assert bridge.vendor.sent[KEY] <= 1


def test_a_call_that_does_not_end_is_unknown_even_without_the_queue(bridge: Bridge):
    bridge.sqs.down("send_message_batch", UNREACHED)

    with hangs(bridge):
        assert post_one(bridge) == answered("unknown"), "a 5xx would make CleverTap send it by another way"


@pytest.mark.fault("name-lookup-hangs")
def test_a_call_that_hangs_before_anything_was_written_is_given_up_and_sent_later(bridge: Bridge):
    go = threading.Event()

    def hang() -> None:
        bridge.clock.sleep(10.2)
        go.wait(5)

    bridge.vendor.before_writing = hang
    assert post_one(bridge) == answered("queued")
    bridge.vendor.before_writing = lambda: None
    assert bridge.vendor.tried == []

    work(bridge)
    go.set()
    assert status(bridge) == "sent"
    assert bridge.vendor.sent == {KEY: 1}


@pytest.mark.fault("accept-killed")
def test_a_crash_is_no_answer(bridge: Bridge):
    bridge.vendor.script.append(Crash())

    with pytest.raises(Crash):
        post_one(bridge)

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

    post_one(bridge)

    assert bridge.clock.now - start <= 14.0, "CleverTap got a 5xx for a message that was taken"


# Records that cannot be messages


def test_a_single_rejected_record_is_logged_and_not_reported(bridge: Bridge):
    answer = bridge.post(record(words=""))

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.body == {"status": "rejected", "code": "900", "reason": "text is empty"}
    [row] = bridge.dynamodb.rows()
    assert (row.status, row.report, row.attempts) == ("rejected", False, 0)


@pytest.mark.parametrize("queue_fault", [None, UNREACHED])
def test_a_rejection_is_answered_though_it_cannot_be_logged(bridge: Bridge, queue_fault: Fault | None):
    bridge.dynamodb.down("put_item", UNREACHED)
    bridge.sqs.down("send_message_batch", queue_fault)

    assert bridge.post(record(words="")).body["status"] == "rejected"
    assert bridge.counts().get("OutcomesUnrecorded") == (1 if queue_fault else None)
